#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod boxed;
mod client;
#[cfg(feature = "http2")]
mod http2;
mod io;
mod pending_websocket;
#[cfg(feature = "http2")]
mod read_ahead;
mod refused;
mod server;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use boxed::Boxed;
pub use client::{handshake, open};
#[cfg(feature = "http2")]
pub use http2::{
    HTTP2_CONNECTION_WINDOW, HTTP2_STREAM_WINDOW, ReadAhead, ReadAheadFull, http2_settings,
};
pub use io::{Io, IoRead, IoWrite};
pub use pending_websocket::PendingWebSocket;
pub use refused::Refused;
pub use server::{Attempt, Upgrade, upgrade};
pub use wskit_driver::{ConnectionError, Event, OpenError};
pub use wskit_tokio::Error;
pub use wskit_tokio::{Client, Server};

/// A WebSocket connection handed over by hyper; see [`wskit_driver::WebSocket`].
pub type WebSocket = wskit_driver::WebSocket<Io>;
/// The receiving half of a split connection; see [`wskit_driver::Reader`].
pub type Reader = wskit_driver::Reader<Io>;
/// A sending half of a split connection; see [`wskit_driver::Writer`].
pub type Writer = wskit_driver::Writer<Io>;
/// A handle that does not keep the connection alive; see [`wskit_driver::WeakWriter`].
pub type WeakWriter = wskit_driver::WeakWriter<Io>;
