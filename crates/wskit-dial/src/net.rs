use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use wskit_driver::{Runtime, SocketOptions, Timer, Transport};

use crate::tls_streams::Tls;

/// A runtime's network for a client: name lookup, TCP, TLS and a clock.
///
/// A binding implements it for its unit type. [`Dialer`](crate::Dialer) and
/// [`Connector`](crate::Connector) decide what to dial, in which order, through which proxy and for how long.
pub trait Net: Runtime<<Self as Net>::Stream, Transport = <Self as Net>::Io> + 'static {
    /// The stream of a client's connection: TCP, or TLS over it.
    type Stream: Send + 'static;
    /// The transport over that stream. It gives the stream back.
    type Io: Transport<Read: Send, Write: Send, Timer: Send> + Into<Self::Stream> + Send + 'static;
    /// TLS over that stream; `()` is none.
    type Tls: Tls<Self::Stream, Client: Into<Self::Stream>>;
    /// The clock. Its default is a timer that is not armed.
    type Timer: Timer + Default + Send;

    /// Looks up the addresses of a name, best first (RFC 6724). Called for names, and for literal addresses
    /// with a zone (`fe80::1%eth0`), whose number the operating system knows.
    ///
    /// # Errors
    /// Those of the resolver.
    fn lookup(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Opens a TCP connection, with `TCP_NODELAY` set, from the local address if one is given. The socket
    /// options are set before it connects, where that is possible.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        options: SocketOptions,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Returns the stream to a proxy as one to the server behind it: TLS with the proxy is not TLS with the
    /// server. The default returns it unchanged.
    #[must_use]
    fn tunnel(to_proxy: Self::Stream) -> Self::Stream {
        to_proxy
    }
}
