use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use wskit_driver::{Runtime, Timer, Transport};

#[cfg(feature = "rustls")]
use crate::dial_error::DialError;

/// A runtime's network for a client: name lookup, TCP, TLS and a clock.
///
/// A binding implements it for its unit type. [`Dialer`](crate::Dialer) and
/// [`Connector`](crate::Connector) decide what to dial, in which order, through which proxy and for how long.
pub trait Net: Runtime<<Self as Net>::Stream, Transport = <Self as Net>::Io> {
    /// The stream of a client's connection: TCP, or TLS over it.
    type Stream: 'static;
    /// The transport over that stream.
    type Io: Transport + 'static;
    /// The clock. Its default is a timer that is not armed.
    type Timer: Timer + Default;

    /// Looks up the addresses of a name, best first (RFC 6724). Called for names, and for literal addresses
    /// with a zone (`fe80::1%eth0`), whose number the operating system knows.
    ///
    /// # Errors
    /// Those of the resolver.
    fn lookup(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;

    /// Opens a TCP connection, with `TCP_NODELAY` set, from the local address if one is given.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Returns the stream of a transport that [`Runtime::wrap`] made.
    fn into_stream(io: Self::Io) -> Self::Stream;

    /// Whether the binding was built with TLS and implements [`secure`](Net::secure).
    #[cfg(feature = "rustls")]
    const TLS: bool = false;

    /// Puts a stream inside TLS: a binding calls [`tls::Connector::connect`]. The stream may be inside TLS
    /// already (`wss://` through an `https://` proxy).
    ///
    /// [`tls::Connector::connect`]: crate::tls::Connector::connect
    ///
    /// # Errors
    /// [`DialError::Tls`], [`DialError::Io`], and [`DialError::TlsUnavailable`] if the binding has no TLS.
    #[cfg(feature = "rustls")]
    fn secure(
        _: &crate::tls::Connector<Self>,
        _host: &str,
        _: Self::Stream,
    ) -> impl Future<Output = Result<Self::Stream, DialError>>
    where
        Self: Sized,
    {
        std::future::ready(Err(DialError::TlsUnavailable))
    }

    /// Returns the protocol that the server chose in the TLS handshake (ALPN), if any.
    /// [`Dialer`](crate::Dialer) refuses HTTP/2, as it speaks HTTP/1.1.
    #[cfg(feature = "rustls")]
    fn alpn(_: &Self::Stream) -> Option<&[u8]> {
        None
    }
}
