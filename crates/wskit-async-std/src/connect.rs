use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use async_std::net::{TcpStream, ToSocketAddrs};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::{Domain, Protocol, Socket, Type};
use wskit_dial::{DialError, Net};
use wskit_handshake::{ClientRequest, RequestError};

#[cfg(feature = "rustls")]
use crate::tls;
use crate::{AsyncStd, AsyncStdTimer, Connector, Io, WebSocket};

/// Connects to a `ws://` or `wss://` URL with the default settings.
///
/// ```no_run
/// # async fn doc() -> Result<(), wskit_async_std::Error> {
/// let mut ws = wskit_async_std::connect("ws://127.0.0.1:9001").await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
///
/// Errors and cancel safety are those of [`Connector::connect`].
pub async fn connect<Q>(request: Q) -> Result<WebSocket<ClientStream>, DialError>
where
    Q: TryInto<ClientRequest>,
    RequestError: From<Q::Error>,
{
    Ok(Connector::new().connect(request).await?.0)
}

impl Net for AsyncStd {
    type Stream = ClientStream;
    type Io = Io<ClientStream>;
    type Timer = AsyncStdTimer;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
    }

    async fn connect_tcp(to: SocketAddr, from: Option<IpAddr>) -> io::Result<ClientStream> {
        let tcp = match from {
            None => TcpStream::connect(to).await?,
            Some(from) => connect_from(from, to).await?,
        };
        tcp.set_nodelay(true)?;
        Ok(ClientStream::Tcp(tcp))
    }

    fn into_stream(io: Io<ClientStream>) -> ClientStream {
        io.into_inner()
    }

    #[cfg(feature = "rustls")]
    const TLS: bool = true;

    #[cfg(feature = "rustls")]
    async fn secure(
        tls: &tls::Connector,
        host: &str,
        stream: ClientStream,
    ) -> Result<ClientStream, DialError> {
        Ok(ClientStream::Tls(Box::new(
            tls.connect(host, stream).await?,
        )))
    }

    #[cfg(feature = "rustls")]
    fn alpn(stream: &ClientStream) -> Option<&[u8]> {
        match stream {
            ClientStream::Tcp(_) => None,
            ClientStream::Tls(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }
}

/// async-std itself binds only those that listen.
async fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        // Under way: how it went, the socket says once it can be written.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    let tcp = Async::<std::net::TcpStream>::new(socket.into())?;
    tcp.writable().await?;
    match tcp.get_ref().take_error()? {
        None => Ok(tcp.into_inner()?.into()),
        Some(error) => Err(error),
    }
}

/// What a client's connection runs over.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientStream {
    /// `ws://`.
    Tcp(TcpStream),
    /// `wss://`; over TLS again if that is how the proxy is reached.
    #[cfg(feature = "rustls")]
    Tls(Box<tls::client::TlsStream<ClientStream>>),
}

impl ClientStream {
    /// The TCP connection, inside TLS or not: for addresses and socket options.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.get_ref().0.tcp(),
        }
    }

    /// The TCP connection, unless it is inside TLS.
    #[allow(clippy::unnecessary_wraps, reason = "with TLS it is not always one")]
    pub(crate) fn into_tcp(self) -> Result<TcpStream, Self> {
        match self {
            Self::Tcp(tcp) => Ok(tcp),
            #[cfg(feature = "rustls")]
            tls => Err(tls),
        }
    }
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            ClientStream::Tcp($inner) => $call,
            #[cfg(feature = "rustls")]
            ClientStream::Tls($inner) => $call,
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_close(cx))
    }
}
