#![doc = include_str!("../README.md")]
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

mod budget;
mod compressor;
mod config;
mod decompressor;
mod deflater;
mod engine;
mod error;
mod history;
mod inflater;
mod negotiation;
mod params;
mod pool;
mod prepared;
mod progress;
mod terms;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use budget::Budget;
pub use compressor::Compressor;
pub use config::Config;
pub use decompressor::Decompressor;
pub use error::{DecompressError, ParamError, ResponseError};
pub use negotiation::{Answer, Offer};
pub use params::{Params, Role, Window};
pub use prepared::compress_prepared;
pub use progress::Progress;
pub use terms::TermParams;

/// The registered name of the extension (RFC 7692 §7), as in
/// `Sec-WebSocket-Extensions`.
pub const EXTENSION: &str = "permessage-deflate";
