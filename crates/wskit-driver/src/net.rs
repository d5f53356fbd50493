use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::runtime::Runtime;
use crate::transport::{Timer, Transport};

/// What a runtime does for a client that dials: names, TCP, TLS over it, a clock.
///
/// A binding implements it for its unit type; what is to be dialled in which order, by which proxy and
/// for how long is decided above it, by [`Dialer`](crate::dial::Dialer) and
/// [`Connector`](crate::Connector).
pub trait Net: Runtime<<Self as Net>::Stream, Transport = <Self as Net>::Io> {
    /// What a client's connection runs over: TCP, or TLS over it.
    type Stream: 'static;
    /// Such a stream as a transport.
    type Io: Transport + 'static;
    /// The clock. The default is an alarm that is not armed.
    type Timer: Timer + Default;

    /// The addresses of a name, best first (RFC 6724). Never asked about literal addresses, but those
    /// with a zone (`fe80::1%eth0`), whose number the operating system knows.
    ///
    /// # Errors
    /// What the resolver says.
    fn lookup(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;

    /// Opens a TCP connection, with `TCP_NODELAY` set, from the local address if one is given.
    /// Dropping the future gives it up.
    ///
    /// # Errors
    /// What the operating system says.
    fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Undoes [`Runtime::wrap`].
    fn into_stream(io: Self::Io) -> Self::Stream;

    /// Whether [`secure`](Net::secure) does anything: whether the binding was built with TLS.
    #[cfg(feature = "rustls")]
    const TLS: bool = false;

    /// Puts a stream inside TLS: what a binding hands on to [`tls::Connector::connect`]. It may be
    /// inside TLS already (`wss://` by way of an `https://` proxy).
    ///
    /// [`tls::Connector::connect`]: crate::tls::Connector::connect
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls), [`Error::Io`](crate::Error::Io), and
    /// [`Error::TlsUnavailable`](crate::Error::TlsUnavailable) if the binding has no TLS.
    #[cfg(feature = "rustls")]
    fn secure(
        _: &crate::tls::Connector<Self>,
        _host: &str,
        _: Self::Stream,
    ) -> impl Future<Output = Result<Self::Stream, crate::Error>>
    where
        Self: Sized,
    {
        std::future::ready(Err(crate::Error::TlsUnavailable))
    }

    /// What the server chose in the TLS handshake (ALPN), if the stream is inside TLS and the server
    /// chose anything. [`Dialer`](crate::dial::Dialer) refuses HTTP/2, as it speaks HTTP/1.1.
    #[cfg(feature = "rustls")]
    fn alpn(_: &Self::Stream) -> Option<&[u8]> {
        None
    }
}
