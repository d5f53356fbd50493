//! A session of the hub's client protocol in JSON, whatever its client sends: what it says is checked against a model.
//!
//! Input: see [`wskit_fuzz::protocol_session`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_hub_protocol::Codec;

fuzz_target!(|bytes: &[u8]| {
    wskit_fuzz::protocol_session(Codec::Json, bytes);
});
