#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

// For the detection of CPU features at run time, nothing else.
#[cfg(any(feature = "std", test))]
extern crate std;

mod close_code;
mod close_payload;
mod error;
mod frame;
mod header;
mod mask;
mod opcode;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;
mod utf8;

pub use close_code::CloseCode;
pub use close_payload::{CloseEncodeError, ClosePayload, truncate_reason};
pub use error::FrameError;
pub use frame::encode_frame;
pub use header::{CONTROL_MAX, FrameHeader, HeaderRules, LEN_MAX, Masking, Parsed};
pub use mask::Mask;
pub use opcode::OpCode;
pub use utf8::{InvalidUtf8, Utf8Check, is_utf8};
