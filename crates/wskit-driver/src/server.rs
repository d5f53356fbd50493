mod via_http;

pub use via_http::UpgradeViaHttp;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use wskit_handshake::{
    Accept, BuildError, CheckedRequest, HandshakeError, HeadLimits, Incoming, OriginPolicy,
    PlainRequest, Progress, Rejection, ServerHandshake, UpgradeRequest,
};
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{Config, Role};

use crate::error::OpenError;
use crate::extensions::Extensions;
use crate::handshake::{answer_and_close, read_until, write_all};
use crate::runtime::{Runtime, within};
use crate::telemetry::{TelemetryConfig, rejected};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Accepts connections: the settings, shared by all of them. Cheap to clone.
///
/// There is no server without a decision about origins (RFC 6455 §10.2): a browser lets any page
/// open a WebSocket to any server, with that server's cookies.
pub struct Server<R> {
    settings: Arc<Settings>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Clone)]
struct Settings {
    origin: OriginPolicy,
    protocols: Vec<String>,
    config: Arc<Config>,
    limits: HeadLimits,
    extensions: Extensions,
    telemetry: TelemetryConfig,
}

impl<R> Server<R> {
    /// A server that lets pages of these origins in.
    #[must_use]
    pub fn new(origin: OriginPolicy) -> Self {
        let settings = Settings {
            origin,
            protocols: Vec::new(),
            config: Arc::new(Config::new()),
            limits: HeadLimits::default(),
            extensions: Extensions::default(),
            telemetry: TelemetryConfig::default(),
        };
        Self {
            settings: Arc::new(settings),
            runtime: PhantomData,
        }
    }

    /// Limits, deadlines and habits of the connections.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        Arc::make_mut(&mut self.settings).config = config.into();
        self
    }

    /// Agrees to permessage-deflate with clients that offer it (RFC 7692).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        Arc::make_mut(&mut self.settings).extensions.deflate = Some(config);
        self
    }

    /// Tells this observer of the connections.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        Arc::make_mut(&mut self.settings).telemetry.observer = Some(observer);
        self
    }

    /// Limits of the requests.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        Arc::make_mut(&mut self.settings).limits = limits;
        self
    }

    /// The sub-protocols this server speaks: of those that a client lists, its first that is among
    /// them is chosen; if none is, the connection has none (RFC 6455 §4.2.2).
    #[must_use]
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        Arc::make_mut(&mut self.settings).protocols =
            protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Reads a request and accepts it if it is for a WebSocket from an origin that is let in. Anything
    /// else is answered with the fitting HTTP status and is an error here.
    ///
    /// # Errors
    /// [`OpenError::Handshake`] when the client broke the rules (it has been told),
    /// [`OpenError::Timeout`], [`OpenError::Io`].
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept<S>(&self, stream: S) -> Result<WebSocket<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        // Boxed: a task that accepts and then lives with its connection would carry the state of the
        // handshake, some 2 KiB, for as long.
        let accepted = Box::pin(self.accept_here(stream)).await;
        accepted.inspect_err(|error| self.settings.telemetry.refused(Role::Server, error))
    }

    async fn accept_here<S>(&self, stream: S) -> Result<WebSocket<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        match self.receive_here(stream).await? {
            Request::WebSocket(upgrade) => upgrade.accept().await,
            Request::Http(http) => {
                let error = HandshakeError::MissingUpgrade;
                let answer = error
                    .rejection()
                    .map(|rejection| rejection.to_bytes())
                    .unwrap_or_default();
                // Whether or not the client hears it: this is what it did.
                let _ = answer_and_close(http.io, &answer, &self.settings.config).await;
                Err(error.into())
            }
        }
    }

    /// Reads a request and leaves the answer to the caller: a WebSocket may be accepted or refused
    /// after looking at it for as long as it takes, and ordinary HTTP be answered on the same port.
    ///
    /// What breaks the rules, or comes from an origin that is not let in, is refused here.
    ///
    /// # Errors
    /// As [`accept`](Server::accept).
    ///
    /// # Cancel safety
    /// As [`accept`](Server::accept).
    pub async fn receive<S>(&self, stream: S) -> Result<Request<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let received = Box::pin(self.receive_here(stream)).await;
        received.inspect_err(|error| self.settings.telemetry.refused(Role::Server, error))
    }

    async fn receive_here<S>(&self, stream: S) -> Result<Request<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let settings = &self.settings;
        let mut io = R::wrap(stream);
        let timer = io.timer();
        let mut handshake = ServerHandshake::new(settings.limits);
        let received = within(
            timer,
            settings.config.get_handshake_timeout(),
            read_until(&mut io, |bytes| {
                match bytes.map(|bytes| handshake.receive(bytes)) {
                    Some(Ok(Progress::NeedMore)) => None,
                    Some(Ok(Progress::Done(incoming))) => Some(Ok(incoming)),
                    Some(Err(error)) => Some(Err(error.into())),
                    None => Some(Err(handshake.receive_eof().into())),
                }
            }),
        )
        .await?;
        match received {
            Ok(Incoming::Upgrade(request)) => match request.check(&settings.origin) {
                Ok(request) => Ok(Request::WebSocket(Upgrade {
                    io,
                    request,
                    settings: settings.clone(),
                })),
                Err(rejection) => {
                    let _ = answer_and_close(io, &rejection.to_bytes(), &settings.config).await;
                    Err(OpenError::OriginRefused)
                }
            },
            Ok(Incoming::Http(request)) => Ok(Request::Http(PlainHttp {
                io,
                request,
                settings: settings.clone(),
            })),
            Err(OpenError::Handshake(error)) => {
                if let Some(rejection) = error.rejection() {
                    let _ = answer_and_close(io, &rejection.to_bytes(), &settings.config).await;
                }
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }
}

impl<R> Clone for Server<R> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            runtime: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("protocols", &self.settings.protocols)
            .finish_non_exhaustive()
    }
}

/// What came to a port, from [`Server::receive`].
#[derive(Debug)]
pub enum Request<T: Transport> {
    /// A request for a WebSocket that may be accepted.
    WebSocket(Upgrade<T>),
    /// Ordinary HTTP.
    Http(PlainHttp<T>),
}

/// A request for a WebSocket, checked and waiting for an answer. Dropping it drops the connection
/// without one. It derefs to the [`UpgradeRequest`].
pub struct Upgrade<T: Transport> {
    io: T,
    request: CheckedRequest,
    settings: Arc<Settings>,
}

impl<T: Transport> Upgrade<T> {
    /// Accepts, with the first sub-protocol of the client's that the server speaks.
    ///
    /// # Errors
    /// [`OpenError::Io`], [`OpenError::Timeout`] if the answer cannot be written in time.
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept(self) -> Result<WebSocket<T>, OpenError> {
        self.accept_with(Ok).await
    }

    /// Accepts with headers, cookies or a sub-protocol of the caller's choice.
    ///
    /// ```no_run
    /// # async fn doc<T: wskit_driver::Transport>(upgrade: wskit_driver::Upgrade<T>) -> Result<(), wskit_driver::OpenError> {
    /// let ws = upgrade.accept_with(|accept| accept.cookie("session=42; HttpOnly")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`OpenError::Response`] when `with` asks for what may not be sent; else as
    /// [`accept`](Upgrade::accept).
    ///
    /// # Cancel safety
    /// As [`accept`](Upgrade::accept).
    pub async fn accept_with(
        mut self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError>,
    ) -> Result<WebSocket<T>, OpenError> {
        let settings = &self.settings;
        let accept = self.request.accept().protocol_from(&settings.protocols);
        let (accept, agreed) = settings.extensions.answer(accept)?;
        let accepted = with(accept)?.finish();
        within(
            self.io.timer(),
            settings.config.get_handshake_timeout(),
            write_all(&mut self.io, &accepted.response),
        )
        .await??;
        let config = settings.config.clone();
        let ws = WebSocket::build(
            self.io,
            Role::Server,
            accepted.leftover,
            config,
            |connection| settings.extensions.apply(agreed, connection),
        );
        Ok(ws.opened(accepted.protocol, agreed, &settings.telemetry))
    }

    /// Refuses: answers with any status but 101 and ends the connection.
    ///
    /// # Errors
    /// As [`PlainHttp::respond`].
    ///
    /// # Cancel safety
    /// A dropped refusal drops the stream.
    pub async fn reject(self, rejection: &Rejection) -> Result<(), OpenError> {
        rejected(rejection.status());
        let answer = self.request.reject(rejection);
        answer_and_close(self.io, &answer, &self.settings.config).await
    }

    /// The transport.
    pub fn get_ref(&self) -> &T {
        &self.io
    }
}

impl<T: Transport> Deref for Upgrade<T> {
    type Target = UpgradeRequest;
    fn deref(&self) -> &UpgradeRequest {
        &self.request
    }
}

impl<T: Transport> fmt::Debug for Upgrade<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// An ordinary HTTP request on the port of a WebSocket server: serve a page, a health check, or
/// nothing. One request a connection.
pub struct PlainHttp<T: Transport> {
    io: T,
    request: PlainRequest,
    settings: Arc<Settings>,
}

impl<T: Transport> PlainHttp<T> {
    /// Method, target and headers.
    #[must_use]
    pub fn request(&self) -> &http::Request<()> {
        &self.request.request
    }

    /// Answers and ends the connection. `Content-Length` and `Connection: close` are added; the body
    /// is left out in answer to HEAD.
    ///
    /// The client is given `Config::handshake_timeout` for each 64 KiB of the answer. Then up to 64 KiB
    /// of what it still sends are thrown away, for at most `Config::close_timeout`, so that it can read
    /// the answer; if it has not hung up by then, that is no error.
    ///
    /// # Errors
    /// [`OpenError::Response`] for a 1xx status. When the answer was cut: [`OpenError::Timeout`] if the
    /// client does not take it in time, [`OpenError::Io`] if the transport fails.
    ///
    /// # Cancel safety
    /// A dropped answer drops the stream.
    pub async fn respond<B: AsRef<[u8]>>(
        self,
        response: &http::Response<B>,
    ) -> Result<(), OpenError> {
        let answer = self.request.respond(response)?;
        answer_and_close(self.io, &answer, &self.settings.config).await
    }

    /// The transport and the bytes that followed the head, for another HTTP server.
    #[must_use]
    pub fn into_parts(self) -> (T, PlainRequest) {
        (self.io, self.request)
    }
}

impl<T: Transport> fmt::Debug for PlainHttp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainHttp")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
