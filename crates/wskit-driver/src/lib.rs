#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod client;
mod engine;
mod error;
mod event;
mod extensions;
mod fan_out;
mod halves;
mod handshake;
mod keys;
mod link;
mod runtime;
mod server;
mod split;
mod stream;
mod sync;
#[cfg(feature = "rustls")]
pub mod tls;
mod transport;
mod websocket;

pub use client::Client;
pub use error::Error;
pub use event::Event;
pub use halves::{Half, Locked, cast};
pub use keys::secure_keys;
pub use runtime::{Runtime, within};
pub use server::{HttpRequest, Request, Server, Upgrade};
pub use split::{ReadRef, Reader, ReaderPiece, WritePermit, Writer};
pub use transport::{PollRead, PollWrite, Timer, Transport};
pub use websocket::{Permit, RecvPiece, RecvRef, WebSocket};
pub use wskit_proto::Spare;
