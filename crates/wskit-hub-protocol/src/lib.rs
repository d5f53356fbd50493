#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod codec;
mod codes;
pub mod message;
mod refusal;
pub mod session;
mod site;
mod wires;

pub use codec::{Codec, DecodeError, Decoded, SUBPROTOCOLS};
pub use codes::{DisconnectCode, ErrorCode, UnsubscribeCode};
pub use refusal::Refusal;
pub use site::{Client, Grant, Identity, Site};
