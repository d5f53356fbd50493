#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod alarm;
mod bell;
mod client;
mod error;
mod listener;
#[cfg(loom)]
mod models;
mod park;
mod runtime;
mod serve;
mod socket;
mod split;
mod sync;
#[cfg(feature = "rustls")]
pub mod tls;
mod websocket;

pub use alarm::{ThreadAlarm, ThreadTimer};
pub use client::{Connector, Reconnect, connect, connect_with};
pub use error::RecvTimeout;
pub use listener::{Incoming, Listener, Request, Server};
pub use park::block_on;
pub use runtime::{Blocking, Io, Stream};
pub use serve::{ServerStream, TcpListener};
pub use socket::Socket;
pub use split::{Lane, Reader, Writer};
pub use websocket::{AsyncWebSocket, WebSocket};
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{ConnectionError, LaneConfig, OpenError, Overflow};
pub use wskit_handshake::{ClientRequest, OriginPolicy};
pub use wskit_proto::{
    CloseCode, Config, Event, Keepalive, Message, MessageRef, Outgoing, PreparedMessage,
};

/// Closes many connections in order; see [`wskit_driver::Shutdown`]. Run `finish` by [`block_on`].
pub type Shutdown = wskit_driver::Shutdown<ThreadTimer>;
