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

// What a program needs beside a connection: the same names as at the root of `wskit`.
pub use wskit_driver::{AnyLane, AnyWeakWriter, AnyWriter};
pub use wskit_driver::{Batched, Buffered, LaneConfig, Overflow, Priority, Pushed, Report};
pub use wskit_driver::{ConnectionError, OpenError};
pub use wskit_handshake::{
    Accept, BuildError, ClientRequest, ExtensionError, HandshakeError, HeadFault, HeadLimits,
    HeaderError, NotHttp, OriginPolicy, Refusal, Rejection, RequestError, UpgradeRequest,
};
pub use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Ending, Event, FrameError, Initiator, Keepalive, Limits,
    Message, MessageKind, MessageRef, Outbox, Outcome, Outgoing, Piece, PreparedMessage,
    ProtocolError, Role, SendError, State, TimeoutKind, Utf8Bytes,
};
pub use wskit_tokio::{Client, Error, Server, Shutdown};

// Compression: its settings, and the parameters that both ends agree on.
#[cfg(feature = "deflate")]
pub use wskit_proto::deflate;

// The error of messages as JSON.
#[cfg(feature = "json")]
pub use wskit_proto::JsonError;

// Counters of connections, and their observer.
#[cfg(feature = "metrics")]
pub use {
    wskit_driver::{Ended, Observed, Observer},
    wskit_proto::{Counters, Metrics, Traffic},
};

// The layers below.
pub use {wskit_driver as driver, wskit_handshake as handshake, wskit_proto as proto};

/// A WebSocket connection handed over by hyper; see [`wskit_driver::WebSocket`].
pub type WebSocket = wskit_driver::WebSocket<Io>;
/// The receiving half of a split connection; see [`wskit_driver::Reader`].
pub type Reader = wskit_driver::Reader<Io>;
/// A sending half of a split connection; see [`wskit_driver::Writer`].
pub type Writer = wskit_driver::Writer<Io>;
/// A handle that does not keep the connection alive; see [`wskit_driver::WeakWriter`].
pub type WeakWriter = wskit_driver::WeakWriter<Io>;
/// A sender's own queue; see [`wskit_driver::Lane`].
pub type Lane = wskit_driver::Lane<Io>;
/// A message that is sent while it is written; see [`wskit_driver::MessageWriter`].
pub type MessageWriter<'a> = wskit_driver::MessageWriter<'a, Io>;
/// A connection as a stream of bytes; see [`wskit_driver::ByteStream`].
pub type ByteStream = wskit_driver::ByteStream<Io>;
