use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wskit_driver::{Error, within};
use wskit_handshake::{ClientRequest, HeadLimits, RequestError};
use wskit_proto::Config;

use crate::timer::TokioTimer;
#[cfg(feature = "rustls")]
use crate::tls;
use crate::{Client, WebSocket};

/// Connects to a `ws://` or `wss://` URL with the default settings.
///
/// ```no_run
/// # async fn doc() -> Result<(), wskit_tokio::Error> {
/// let mut ws = wskit_tokio::connect("ws://127.0.0.1:9001").await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`Connector::connect`].
///
/// # Cancel safety
/// A dropped connect drops the connection.
pub async fn connect<Q>(request: Q) -> Result<WebSocket<ClientStream>, Error>
where
    Q: TryInto<ClientRequest>,
    RequestError: From<Q::Error>,
{
    Ok(Connector::new().connect(request).await?.0)
}

/// Dials: the settings of a client, for one connection or many.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    client: Client,
    #[cfg(feature = "rustls")]
    tls: Option<tls::Connector>,
}

impl Connector {
    /// The default settings: TLS with whoever the compiled-in features trust, TCP_NODELAY.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits, deadlines and habits of the connection.
    #[must_use]
    pub fn config(mut self, config: impl Into<std::sync::Arc<Config>>) -> Self {
        self.client = self.client.config(config);
        self
    }

    /// Limits of the server's answer.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.client = self.client.head_limits(limits);
        self
    }

    /// Offers permessage-deflate; the server may decline.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: wskit_proto::deflate::Config) -> Self {
        self.client = self.client.deflate(config);
        self
    }

    /// TLS settings for `wss://`.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, connector: tls::Connector) -> Self {
        self.tls = Some(connector);
        self
    }

    /// Connects: name lookup, TCP, TLS for `wss://` (before anything else is sent), and the opening
    /// handshake, all within `Config::handshake_timeout`. Gives the server's response too.
    ///
    /// A request is a URL (`&str`, `http::Uri`), an `http::Request<()>`, or a [`ClientRequest`] with
    /// headers, sub-protocols and credentials.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is dialled, [`Error::Io`], `Error::Tls`,
    /// [`Error::TlsUnavailable`], [`Error::Handshake`], [`Error::HandshakeTimeout`],
    /// [`Error::NoTimer`].
    ///
    /// # Cancel safety
    /// A dropped connect drops the connection.
    pub async fn connect<Q>(
        &self,
        request: Q,
    ) -> Result<(WebSocket<ClientStream>, Response<()>), Error>
    where
        Q: TryInto<ClientRequest>,
        RequestError: From<Q::Error>,
    {
        let request = request.try_into().map_err(RequestError::from)?;
        let limit = self.client.settings().handshake_deadline();
        within(TokioTimer::default(), limit, async {
            let stream = self.dial(&request).await?;
            self.client
                .handshake::<ClientStream, ClientRequest>(stream, request)
                .await
        })
        .await?
    }

    async fn dial(&self, request: &ClientRequest) -> Result<ClientStream, Error> {
        if request.is_secure() {
            return self.dial_tls(request).await;
        }
        let tcp = dial_tcp(request).await?;
        Ok(ClientStream::Tcp(tcp))
    }

    #[cfg(feature = "rustls")]
    async fn dial_tls(&self, request: &ClientRequest) -> Result<ClientStream, Error> {
        // Before anything is dialled: settings that cannot work are no reason to bother a server.
        let connector = self.tls.clone().map_or_else(tls::Connector::new, Ok)?;
        let tcp = dial_tcp(request).await?;
        let tls = connector.connect(request.host(), tcp).await?;
        Ok(ClientStream::Tls(Box::new(tls)))
    }

    #[cfg(not(feature = "rustls"))]
    #[allow(clippy::unused_async, reason = "the version with TLS awaits")]
    async fn dial_tls(&self, _: &ClientRequest) -> Result<ClientStream, Error> {
        Err(Error::TlsUnavailable)
    }
}

async fn dial_tcp(request: &ClientRequest) -> Result<TcpStream, Error> {
    let tcp = TcpStream::connect((request.host(), request.port())).await?;
    // Messages are written whole; waiting for more would only delay them.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// What a client's connection runs over.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientStream {
    /// `ws://`.
    Tcp(TcpStream),
    /// `wss://`.
    #[cfg(feature = "rustls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl ClientStream {
    /// The TCP connection, inside TLS or not: for addresses and socket options.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl ClientStream {
    /// The TCP connection, unless it is inside TLS.
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
        match $stream.get_mut() {
            ClientStream::Tcp(tcp) => {
                let $inner = Pin::new(tcp);
                $call
            }
            #[cfg(feature = "rustls")]
            ClientStream::Tls(tls) => {
                let $inner = Pin::new(tls);
                $call
            }
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
