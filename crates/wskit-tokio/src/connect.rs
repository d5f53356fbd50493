use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use wskit_dial::{DialError, Net};
use wskit_handshake::{ClientRequest, RequestError};

#[cfg(feature = "rustls")]
use crate::tls;
use crate::{Connector, Io, Tokio, TokioTimer, WebSocket};

/// Connects to a `ws://` or `wss://` URL with the default settings.
///
/// ```no_run
/// # async fn doc() -> Result<(), wskit_tokio::Error> {
/// let mut ws = wskit_tokio::connect("ws://127.0.0.1:9001").await?;
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

impl Net for Tokio {
    type Stream = ClientStream;
    type Io = Io<ClientStream>;
    type Timer = TokioTimer;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect_tcp(to: SocketAddr, from: Option<IpAddr>) -> io::Result<ClientStream> {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = from {
            socket.bind((from, 0).into())?;
        }
        socket.set_nodelay(true)?;
        Ok(ClientStream::Tcp(socket.connect(to).await?))
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
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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

    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}
