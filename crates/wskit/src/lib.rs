#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[doc(inline)]
pub use wskit_dial::{
    ConnectCause, ConnectError, DialError, Error, LookupFailure, ProxyError, ProxyUrlError,
    RedirectError, SocksFailure, Stage, reconnect,
};
#[doc(inline)]
pub use wskit_driver::{AnyLane, AnyWeakWriter, AnyWriter, TlsSession};
#[doc(inline)]
pub use wskit_driver::{
    Batched, Buffered, LaneConfig, Overflow, Priority, Pushed, Report, SocketOptions,
};
#[doc(inline)]
pub use wskit_driver::{
    BoxError, Listener, Serve, ServeError, ServeFault, ServerTls, StreamListener, WhenFull,
};
#[doc(inline)]
pub use wskit_driver::{ConnectionError, OpenError};
#[doc(inline)]
pub use wskit_driver::{IntoPartsError, Parts, ReuniteError};
#[doc(inline)]
pub use wskit_driver::{SendTransport, Transport};
#[doc(inline)]
pub use wskit_handshake::{
    Accept, BuildError, ClientRequest, ExtensionError, HandshakeError, HeadFault, HeadLimits,
    HeaderError, NotHttp, OriginPolicy, Refusal, Rejection, RequestError, UpgradeRequest,
};
#[doc(inline)]
pub use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Ending, Event, FrameError, Initiator, Keepalive, Limits,
    Message, MessageKind, MessageRef, Outbox, Outcome, Outgoing, Piece, PreparedMessage,
    ProtocolError, Role, SendError, State, TimeoutKind, Utf8Bytes,
};

/// The binding to tokio. Its types are at the root of this crate too.
#[cfg(feature = "tokio")]
pub use wskit_tokio as tokio;

#[cfg(feature = "tokio")]
#[doc(inline)]
pub use wskit_tokio::{ClientStream, ServerStream, connect, from_parts, pair};

// The types of the binding by the same macros, and so the same types, with their documentation in this crate.
#[cfg(feature = "tokio")]
use wskit_tokio::{Io, Tokio, TokioTimer};
#[cfg(feature = "tokio")]
wskit_driver::aliases!(types Tokio, Io, TokioTimer);
#[cfg(feature = "tokio")]
wskit_dial::aliases!(types Tokio, Io);

/// The binding to async-std.
#[cfg(feature = "async-std")]
pub use wskit_async_std as async_std;

/// The binding to smol.
#[cfg(feature = "smol")]
pub use wskit_smol as smol;

/// Topics, presence and history: one connection to many.
#[cfg(feature = "hub")]
pub use wskit_hub as hub;

/// Compression: its settings, and the parameters that both ends agree on.
#[cfg(feature = "deflate")]
pub use wskit_proto::deflate;

/// The error of messages as JSON.
#[cfg(feature = "json")]
#[doc(inline)]
pub use wskit_proto::JsonError;

/// Counters of connections, and their observer.
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use {
    wskit_driver::{Ended, Observed, Observer},
    wskit_proto::{Counters, Metrics, Traffic},
};

/// TLS for `wss://`, on tokio.
#[cfg(all(
    feature = "tokio",
    any(feature = "rustls-ring", feature = "rustls-aws-lc")
))]
pub use wskit_tokio::tls;

/// The crates of which types are in this API.
pub use {bytes, http};

/// The layers below.
pub use {
    wskit_dial as dial, wskit_driver as driver, wskit_handshake as handshake, wskit_proto as proto,
};

/// The root is tokio's or empty: no other binding's feature gives it types.
///
/// ```compile_fail,E0432
/// use wskit::Server;
/// ```
#[cfg(all(doctest, not(feature = "tokio")))]
mod root {}

#[cfg(doc)]
pub mod guide;

/// The program of the repository's README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
