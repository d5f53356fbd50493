/// Implements [`TlsStack`], and [`Tls`] by the library of the feature `$feature`.
#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
macro_rules! rustls_streams {
    ($stack:ident, $feature:tt, $library:ident, $($bound:tt)+) => {
        #[cfg(feature = $feature)]
        impl TlsStack for $stack {
            type Client<S> = $library::client::TlsStream<S>;
            type Server<S> = $library::server::TlsStream<S>;

            fn client<S>(tls: &Self::Client<S>) -> (&S, Option<&[u8]>) {
                let (stream, session) = tls.get_ref();
                (stream, session.alpn_protocol())
            }

            fn server<S>(tls: &Self::Server<S>) -> &S {
                tls.get_ref().0
            }

            fn client_session<S>(tls: &Self::Client<S>) -> TlsSession {
                crate::tls::session(tls.get_ref().1)
            }

            fn server_session<S>(tls: &Self::Server<S>) -> TlsSession {
                let connection = tls.get_ref().1;
                let mut session = crate::tls::session(connection);
                session.server_name = connection.server_name().map(str::to_owned);
                session
            }
        }

        #[cfg(feature = $feature)]
        impl<S: $($bound)+ + Unpin + Send> Tls<S> for $stack {
            type Client = $library::client::TlsStream<ReadAhead<S>>;
            type Server = $library::server::TlsStream<ReadAhead<S>>;

            const AVAILABLE: bool = true;

            async fn connect(
                config: Arc<ClientConfig>,
                name: ServerName<'static>,
                stream: S,
            ) -> io::Result<Self::Client> {
                let connector = $library::TlsConnector::from(config);
                let mut tls = connector.connect(name, ReadAhead::new(stream)).await?;
                tls.get_mut().1.set_buffer_limit(Some(CLIENT_UNSENT));
                Ok(tls)
            }

            async fn accept(config: Arc<ServerConfig>, stream: S) -> io::Result<Self::Server> {
                let acceptor = $library::TlsAcceptor::from(config);
                let mut tls = acceptor.accept(ReadAhead::new(stream)).await?;
                tls.get_mut().1.set_buffer_limit(Some(SERVER_UNSENT));
                Ok(tls)
            }

            fn alpn(stream: &Self::Client) -> Option<&[u8]> {
                stream.get_ref().1.alpn_protocol()
            }
        }

        #[cfg(feature = $feature)]
        impl<T> From<$library::server::TlsStream<ReadAhead<T>>> for MaybeTls<T, $stack> {
            fn from(tls: $library::server::TlsStream<ReadAhead<T>>) -> Self {
                Self::Accepted(Box::new(tls))
            }
        }

        #[cfg(feature = $feature)]
        impl<T> From<$library::client::TlsStream<ReadAhead<Self>>> for MaybeTls<T, $stack> {
            fn from(tls: $library::client::TlsStream<ReadAhead<Self>>) -> Self {
                Self::Tls(Box::new(tls))
            }
        }

        #[cfg(not(feature = $feature))]
        impl TlsStack for $stack {
            type Client<S> = std::convert::Infallible;
            type Server<S> = std::convert::Infallible;

            fn client<S>(tls: &Self::Client<S>) -> (&S, Option<&[u8]>) {
                match *tls {}
            }

            fn server<S>(tls: &Self::Server<S>) -> &S {
                match *tls {}
            }

            fn client_session<S>(tls: &Self::Client<S>) -> TlsSession {
                match *tls {}
            }

            fn server_session<S>(tls: &Self::Server<S>) -> TlsSession {
                match *tls {}
            }
        }

        #[cfg(not(feature = $feature))]
        impl<S: Send> Tls<S> for $stack {
            type Client = S;
            type Server = S;
        }
    };
}

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "tokio-io")]
mod tokio_io;

use std::any::Any;
use std::fmt;

use wskit_driver::TlsSession;

use crate::read_ahead::ReadAhead;
#[cfg(feature = "futures-io")]
pub use futures_io::FuturesRustls;
#[cfg(feature = "tokio-io")]
pub use tokio_io::TokioRustls;

/// rustls over the I/O traits of a family of runtimes: `TokioRustls` and `FuturesRustls`.
pub trait TlsStack: Sized + 'static {
    /// A client's stream inside TLS.
    type Client<S>;
    /// A server's stream inside TLS.
    type Server<S>;

    /// Returns the stream below TLS, and the protocol that the server chose (ALPN).
    fn client<S>(tls: &Self::Client<S>) -> (&S, Option<&[u8]>);

    /// Returns the stream below TLS.
    fn server<S>(tls: &Self::Server<S>) -> &S;

    /// Returns what is known of a client's session.
    fn client_session<S>(tls: &Self::Client<S>) -> TlsSession;

    /// Returns what is known of a server's session.
    fn server_session<S>(tls: &Self::Server<S>) -> TlsSession;
}

/// A connection of type `T` (TCP, for clients), or TLS over it: the stream of a client, and of a server that
/// is run by [`Server::serve`](wskit_driver::Server::serve).
///
/// With `L = TokioRustls` it implements tokio's traits (feature `tokio-io`), with `L = FuturesRustls` those
/// of futures-io (feature `futures-io`). TLS is the library's, over a [`ReadAhead`].
#[non_exhaustive]
pub enum MaybeTls<T, L: TlsStack> {
    /// `ws://`.
    Tcp(T),
    /// `wss://`, at the client. The stream below is TLS too if an `https://` proxy is in between.
    Tls(Box<L::Client<ReadAhead<MaybeTls<T, L>>>>),
    /// `ws://`, at the client, through an `https://` proxy. The TLS is that with the proxy.
    Tunnel(Box<L::Client<ReadAhead<MaybeTls<T, L>>>>),
    /// `wss://`, at the server.
    Accepted(Box<L::Server<ReadAhead<T>>>),
}

impl<T, L: TlsStack> MaybeTls<T, L> {
    /// Returns the connection, inside TLS or not: for addresses and socket options.
    pub fn tcp(&self) -> &T {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) | Self::Tunnel(tls) => L::client(tls).0.get_ref().tcp(),
            Self::Accepted(tls) => L::server(tls).get_ref(),
        }
    }

    /// Returns the protocol that the server chose in the TLS handshake of a client (ALPN), if any.
    pub fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Tcp(_) | Self::Tunnel(_) | Self::Accepted(_) => None,
            Self::Tls(tls) => L::client(tls).1,
        }
    }

    /// Returns the stream of a connection that goes on through a proxy, whose TLS is not the server's.
    #[must_use]
    pub fn into_tunnel(self) -> Self {
        match self {
            Self::Tls(tls) => Self::Tunnel(tls),
            other => other,
        }
    }
}

impl<T: 'static, L: TlsStack> MaybeTls<T, L> {
    /// Returns the TCP connection that `stream` is, or runs over: for bindings.
    ///
    /// The TLS stream of a listener that does TLS itself is found too, bare and in this type.
    pub fn tcp_of(stream: &dyn Any) -> Option<&T> {
        if let Some(server) = stream.downcast_ref::<L::Server<ReadAhead<T>>>() {
            return Some(L::server(server).get_ref());
        }
        if let Some(client) = stream.downcast_ref::<L::Client<ReadAhead<T>>>() {
            return Some(L::client(client).0.get_ref());
        }
        if let Some(server) = stream.downcast_ref::<L::Server<T>>() {
            return Some(L::server(server));
        }
        if let Some(client) = stream.downcast_ref::<L::Client<T>>() {
            return Some(L::client(client).0);
        }
        match stream.downcast_ref::<Self>() {
            Some(client) => Some(client.tcp()),
            None => {
                let bare = || Self::tcp_of(within_served::<T, L>(stream)?);
                stream.downcast_ref().or_else(bare)
            }
        }
    }

    /// Returns the TLS session of `stream`, if it is TLS over a TCP connection: for bindings.
    pub fn tls_session_of(stream: &dyn Any) -> Option<TlsSession> {
        if let Some(server) = stream.downcast_ref::<L::Server<ReadAhead<T>>>() {
            return Some(L::server_session(server));
        }
        if let Some(client) = stream.downcast_ref::<L::Client<ReadAhead<T>>>() {
            return Some(L::client_session(client));
        }
        if let Some(server) = stream.downcast_ref::<L::Server<T>>() {
            return Some(L::server_session(server));
        }
        if let Some(client) = stream.downcast_ref::<L::Client<T>>() {
            return Some(L::client_session(client));
        }
        match stream.downcast_ref() {
            Some(Self::Tls(client)) => Some(L::client_session(client)),
            Some(Self::Accepted(server)) => Some(L::server_session(server)),
            Some(Self::Tcp(_) | Self::Tunnel(_)) => None,
            None => Self::tls_session_of(within_served::<T, L>(stream)?),
        }
    }

    /// Returns the TCP connection that `stream` is, for bindings: it can be split without a lock.
    ///
    /// # Errors
    /// The stream, if it is something else or inside TLS.
    pub fn into_tcp<S: 'static>(stream: S) -> Result<T, S> {
        let tcp = |client| match client {
            Self::Tcp(tcp) => Ok(tcp),
            tls => Err(tls),
        };
        cast(stream, tcp).or_else(|stream| cast(stream, Ok::<T, T>))
    }

    /// Returns a TCP connection as the type that [`into_tcp`](MaybeTls::into_tcp) has found it in: for
    /// bindings.
    ///
    /// # Errors
    /// The connection, if `S` is neither `T` nor this type.
    pub fn from_tcp<S: 'static>(tcp: T) -> Result<S, T> {
        cast(tcp, Ok::<S, S>).or_else(|tcp| {
            cast(Self::Tcp(tcp), Ok::<S, S>).map_err(|client| match client {
                Self::Tcp(tcp) => tcp,
                Self::Tls(_) | Self::Tunnel(_) | Self::Accepted(_) => {
                    unreachable!("it was made of a TCP connection")
                }
            })
        })
    }
}

/// Returns what a listener yielded that is no bare TCP connection, and was served without TLS of the server.
fn within_served<T: 'static, L: TlsStack>(stream: &dyn Any) -> Option<&dyn Any> {
    fn inner<S: 'static, L: TlsStack>(stream: &dyn Any) -> Option<&dyn Any> {
        match stream.downcast_ref()? {
            MaybeTls::<S, L>::Tcp(inner) => Some(inner),
            MaybeTls::Tls(_) | MaybeTls::Tunnel(_) | MaybeTls::Accepted(_) => None,
        }
    }
    inner::<L::Server<ReadAhead<T>>, L>(stream)
        .or_else(|| inner::<L::Client<ReadAhead<T>>, L>(stream))
        .or_else(|| inner::<L::Server<T>, L>(stream))
        .or_else(|| inner::<L::Client<T>, L>(stream))
        .or_else(|| inner::<MaybeTls<T, L>, L>(stream))
}

/// How much rustls takes from a server before the stream below has taken it: 17 records of 16 KiB. That is what a
/// connection writes in one call, 256 KiB with the headers of its frames, so that it is one write of the socket
/// too. It bounds what is held, encrypted, for a peer that does not read.
#[cfg(any(feature = "futures-rustls", feature = "tokio-rustls"))]
const SERVER_UNSENT: usize = 17 << 14;

/// How much rustls takes from a client: 6 records. Of what is free at the end of the heap, glibc gives back to the
/// system all that is over 128 KiB, and faults it in again. A client that only writes would pay that with each
/// flush. A server keeps the larger limit, so that its answers to a burst are one write.
#[cfg(any(feature = "futures-rustls", feature = "tokio-rustls"))]
const CLIENT_UNSENT: usize = 6 << 14;

impl<T, L: TlsStack> From<T> for MaybeTls<T, L> {
    fn from(tcp: T) -> Self {
        Self::Tcp(tcp)
    }
}

impl<T: fmt::Debug, L: TlsStack> fmt::Debug for MaybeTls<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaybeTls")
            .field("tcp", self.tcp())
            .field("is_tls", &!matches!(self, Self::Tcp(_) | Self::Tunnel(_)))
            .finish()
    }
}

/// Converts `value` if `S` is `T`, else returns it. The compiler decides the branch for each `S`.
///
/// # Errors
/// The value, when it is not a `T` or `convert` returns it.
fn cast<S, T, U>(value: S, convert: impl FnOnce(T) -> Result<U, T>) -> Result<U, S>
where
    S: 'static,
    T: 'static,
{
    let mut value = Some(value);
    let any: &mut dyn Any = &mut value;
    if let Some(place) = any.downcast_mut::<Option<T>>() {
        match place.take().map(convert) {
            Some(Ok(converted)) => return Ok(converted),
            Some(Err(back)) => *place = Some(back),
            None => {}
        }
    }
    match value {
        Some(value) => Err(value),
        None => unreachable!("taken only to be returned"),
    }
}
