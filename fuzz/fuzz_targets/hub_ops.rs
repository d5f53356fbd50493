//! Hubs with clients and an engine that has faults, whatever is done in whatever order: what the hub promises
//! its subscribers is checked against a model, while things go wrong and when they are well again.
//!
//! Input: flags (bit 0: three hubs with an engine, instead of one without; 1: small limits; 2 to 4: the first
//! topic; 5 and 6: how many more), then four bytes an operation: what, and with what.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    wskit_hub::sim::operations(bytes);
});
