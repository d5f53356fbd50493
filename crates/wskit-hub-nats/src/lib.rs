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

mod api;
mod codec;
mod error;
mod events;
mod heard;
mod lane;
mod listen;
mod log;
mod nats;
mod nodes;
mod presence;
mod publish;
mod read;
mod session;
mod settings;
mod shared;
mod subject;
mod time;

pub use error::{ConnectError, ConnectErrorKind};
pub use nats::Nats;
pub use settings::{NatsBuilder, Storage};
