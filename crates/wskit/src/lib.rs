#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub use wskit_dial::{self as dial, DialError, Error, RedirectError, reconnect};
pub use wskit_driver::{Buffered, LaneConfig, Overflow, Priority, Pushed, Report};
pub use wskit_driver::{ConnectionError, Event, OpenError};
pub use wskit_handshake::{
    Accept, ClientRequest, HandshakeError, HeadLimits, OriginPolicy, Rejection, UpgradeRequest,
};
pub use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Ending, Initiator, Keepalive, Limits, Message,
    MessageKind, MessageRef, Outbox, Outcome, Outgoing, Piece, PreparedMessage, ProtocolError,
    Role, SendError, State, TimeoutKind, Utf8Bytes,
};

/// The binding to tokio. Its types are also at the root of this crate.
#[cfg(feature = "tokio")]
pub use wskit_tokio as tokio;

#[cfg(feature = "tokio")]
pub use wskit_tokio::{
    ByteStream, Client, ClientStream, Connector, Lane, MessageWriter, PlainHttp, Reader, Reconnect,
    Request, Server, Shutdown, Upgrade, WeakWriter, WebSocket, Writer, connect, from_parts,
};

/// The binding to async-std and smol. Its types are also at the root of this crate where the feature
/// `tokio` is off.
#[cfg(feature = "async-std")]
pub use wskit_async_std as async_std;

#[cfg(all(feature = "async-std", not(feature = "tokio")))]
pub use wskit_async_std::{
    ByteStream, Client, ClientStream, Connector, Lane, MessageWriter, PlainHttp, Reader, Reconnect,
    Request, Server, Shutdown, Upgrade, WeakWriter, WebSocket, Writer, connect, from_parts,
};

/// Compression: its settings, and what can be agreed on.
#[cfg(feature = "deflate")]
pub use wskit_proto::deflate;

/// Counters of connections, and who is told of them.
#[cfg(feature = "metrics")]
pub use wskit_driver::{Counters, Ended, Metrics, Observed, Observer, Traffic};

/// TLS for `wss://`.
#[cfg(all(
    feature = "async-std",
    not(feature = "tokio"),
    any(feature = "rustls-ring", feature = "rustls-aws-lc")
))]
pub use wskit_async_std::tls;
/// TLS for `wss://`.
#[cfg(all(
    feature = "tokio",
    any(feature = "rustls-ring", feature = "rustls-aws-lc")
))]
pub use wskit_tokio::tls;

/// The layers below, for those who build on them.
pub use {wskit_driver as driver, wskit_handshake as handshake, wskit_proto as proto};

/// The pages of the guide compile, and what they assert is so.
#[cfg(doctest)]
mod guide {
    macro_rules! pages {
        ($($name:ident)*) => {$(
            #[doc = include_str!(concat!("../../../docs/guide/", stringify!($name), ".md"))]
            mod $name {}
        )*};
    }
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    pages!(
        runtime authenticate connect errors migrate observe reconnect scale send serve shutdown
        streaming test tune tunnel
    );
}
