#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod extractor;
mod rejection;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(test)]
#[allow(unused_macros, unused_imports, reason = "a test without enums")]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use extractor::WebSocketUpgrade;
pub use rejection::WebSocketUpgradeRejection;
#[cfg(feature = "serve")]
pub use serve::serve;

// The connection, its halves and lanes, and what goes with them; the names are those of `wskit`.
pub use wskit_hyper::{
    Accept, AnyLane, AnyWeakWriter, AnyWriter, Batched, Buffered, BuildError, ByteStream, Cause,
    CloseCode, CloseFrame, Config, ConnectionError, Ending, Error, Event, ExtensionError,
    FrameError, HandshakeError, HeadFault, HeadLimits, HeaderError, Initiator, Io, Keepalive, Lane,
    LaneConfig, Limits, Message, MessageKind, MessageRef, MessageWriter, NotHttp, OpenError,
    OriginPolicy, Outbox, Outcome, Outgoing, Overflow, Piece, PreparedMessage, Priority,
    ProtocolError, Pushed, Reader, Refusal, Refused, Rejection, Report, RequestError, Role,
    SendError, Server, Shutdown, State, TimeoutKind, UpgradeRequest, Utf8Bytes, WeakWriter,
    WebSocket, Writer,
};
#[cfg(feature = "http2")]
pub use wskit_hyper::{
    HTTP2_CONNECTION_WINDOW, HTTP2_STREAM_WINDOW, ReadAhead, ReadAheadFull, http2_settings,
};

// Compression: its settings, and the parameters that both ends agree on.
#[cfg(feature = "deflate")]
pub use wskit_hyper::deflate;

// The error of messages as JSON.
#[cfg(feature = "json")]
pub use wskit_hyper::JsonError;

// Counters of connections, and their observer.
#[cfg(feature = "metrics")]
pub use wskit_hyper::{Counters, Ended, Metrics, Observed, Observer, Traffic};

pub use wskit_handshake as handshake;
// The layers below, for direct use.
pub use wskit_hyper::{driver, proto};

#[cfg(doc)]
#[doc = include_str!("../guide.md")]
pub mod guide {}
