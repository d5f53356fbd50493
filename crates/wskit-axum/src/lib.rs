#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod extractor;
mod rejection;
#[cfg(test)]
#[allow(unused_macros, unused_imports, reason = "a test without enums")]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use extractor::WebSocketUpgrade;
pub use rejection::WebSocketUpgradeRejection;

#[cfg(feature = "metrics")]
pub use wskit_driver::{Counters, Ended, Metrics, Observed, Observer, Traffic};
pub use wskit_handshake::{OriginPolicy, UpgradeRequest};
pub use wskit_hyper::{
    ConnectionError, Error, Event, Io, OpenError, Reader, Server, WeakWriter, WebSocket, Writer,
};
#[cfg(feature = "http2")]
pub use wskit_hyper::{
    HTTP2_CONNECTION_WINDOW, HTTP2_STREAM_WINDOW, ReadAhead, ReadAheadFull, http2_settings,
};
/// Compression settings and parameters.
#[cfg(feature = "deflate")]
pub use wskit_proto::deflate;
pub use wskit_proto::{CloseCode, Config, Message, Outcome, Role, Utf8Bytes};

/// The layers below, for direct use.
pub use {wskit_driver as driver, wskit_handshake as handshake, wskit_proto as proto};

/// The guide's page about axum, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/axum.md")]
mod guide {}
