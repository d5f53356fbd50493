#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connect;
mod io;
#[cfg(feature = "native-tls")]
pub mod native_tls;
mod timer;
#[cfg(feature = "rustls")]
pub mod tls;

pub use connect::{ClientStream, connect};
pub use io::{Io, IoRead, IoWrite, Tokio};
pub use timer::{TokioAlarm, TokioTimer};
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{ConnectionError, Event, OpenError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wskit_proto::{Config, Role};

/// A WebSocket connection over a tokio stream; see [`wskit_driver::WebSocket`].
pub type WebSocket<S> = wskit_driver::WebSocket<Io<S>>;
/// The receiving half of a split connection; see [`wskit_driver::Reader`].
pub type Reader<S> = wskit_driver::Reader<Io<S>>;
/// A sending half of a split connection; see [`wskit_driver::Writer`].
pub type Writer<S> = wskit_driver::Writer<Io<S>>;
/// A handle to a connection that does not keep it; see [`wskit_driver::WeakWriter`].
pub type WeakWriter<S> = wskit_driver::WeakWriter<Io<S>>;
/// A queue of one sender's own; see [`wskit_driver::Lane`].
pub type Lane<S> = wskit_driver::Lane<Io<S>>;
/// Ends many connections in good order; see [`wskit_driver::Shutdown`].
pub type Shutdown = wskit_driver::Shutdown<TokioTimer>;
/// A message that is sent while it is being made; see [`wskit_driver::MessageWriter`].
pub type MessageWriter<'a, S> = wskit_driver::MessageWriter<'a, Io<S>>;
/// A connection as a plain stream of bytes; see [`wskit_driver::ByteStream`].
pub type ByteStream<S> = wskit_driver::ByteStream<Io<S>>;
/// Accepts connections; see [`wskit_driver::Server`].
pub type Server = wskit_driver::Server<Tokio>;
/// Opens connections on streams of the caller's; see [`wskit_driver::Client`].
pub type Client = wskit_driver::Client<Tokio>;
/// Connects to URLs; see [`wskit_dial::Connector`].
pub type Connector<D = Dialer> = wskit_dial::Connector<Tokio, D>;
/// Connects again when the connection is lost; see [`wskit_dial::Reconnect`].
pub type Reconnect<O> = wskit_dial::Reconnect<O, TokioTimer>;
/// The default dialler of a [`Connector`]; see [`dial::Dialer`].
pub type Dialer = dial::Dialer<Tokio>;
/// What came to a port; see [`wskit_driver::Request`].
pub type Request<S> = wskit_driver::Request<Io<S>>;
/// A request for a WebSocket; see [`wskit_driver::Upgrade`].
pub type Upgrade<S> = wskit_driver::Upgrade<Io<S>>;
/// An ordinary HTTP request; see [`wskit_driver::PlainHttp`].
pub type PlainHttp<S> = wskit_driver::PlainHttp<Io<S>>;

/// A connection over a stream that is upgraded already; `leftover` is what came behind the handshake.
#[must_use]
pub fn from_parts<S>(
    stream: S,
    role: Role,
    leftover: Bytes,
    config: impl Into<std::sync::Arc<Config>>,
) -> WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    WebSocket::from_parts(Io::from(stream), role, leftover, config)
}
