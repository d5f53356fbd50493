mod via_http;

pub use via_http::UpgradeViaHttp;

use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use wskit_handshake::{
    Accept, BuildError, CheckedRequest, HandshakeError, HeadLimits, Incoming, OriginPolicy,
    PlainRequest, Progress, Rejection, ServerHandshake, UpgradeRequest,
};
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{Config, Role};

use crate::error::OpenError;
use crate::handshake::{answer_and_close, read_until, write_all};
use crate::observe::{PeerName, rejected};
use crate::runtime::{Runtime, within};
use crate::settings;
use crate::shutdown::Joining;
use crate::socket_options::SocketOptions;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Accepts connections: the settings that all of them share. Cheap to clone.
///
/// [`serve`](Server::serve) runs a whole server over a listener. [`accept`](Server::accept) and
/// [`receive`](Server::receive) do the opening handshake on one stream, for a loop of your own.
///
/// There is no server without a decision about origins (RFC 6455 §10.2): a browser lets any page
/// open a WebSocket to any server, with that server's cookies.
#[must_use]
pub struct Server<R> {
    settings: Arc<Settings>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Clone, Debug)]
struct Settings {
    origin: OriginPolicy,
    protocols: Vec<String>,
    common: settings::Settings,
    socket: SocketOptions,
}

impl<R> Server<R> {
    /// Makes a server that accepts pages of these origins.
    pub fn new(origin: OriginPolicy) -> Self {
        let settings = Settings {
            origin,
            protocols: Vec::new(),
            common: settings::Settings::default(),
            socket: SocketOptions::new(),
        };
        Self {
            settings: Arc::new(settings),
            runtime: PhantomData,
        }
    }

    /// Sets the limits, deadlines and behaviour of the connections.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        Arc::make_mut(&mut self.settings).common.config = config.into();
        self
    }

    /// Agrees to permessage-deflate with clients that offer it (RFC 7692).
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        settings.common.extensions.set_deflate(config);
        self
    }

    /// Sets the observer of the connections.
    #[cfg(feature = "metrics")]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        Arc::make_mut(&mut self.settings).common.telemetry.observer = Some(observer);
        self
    }

    /// Sets how much the operating system buffers for the connections, TCP with or without TLS.
    /// Connections that an HTTP library has accepted keep their options.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        Arc::make_mut(&mut self.settings).socket = options;
        self
    }

    /// Sets the limits of the request heads.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        Arc::make_mut(&mut self.settings).common.limits = limits;
        self
    }

    /// Sets the sub-protocols of this server. The first of those that a client lists which is among them is
    /// chosen; if none is, the connection has none (RFC 6455 §4.2.2).
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        Arc::make_mut(&mut self.settings).protocols =
            protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Reads a request and accepts it if it is for a WebSocket and its origin is allowed. Any other request
    /// is answered with the fitting HTTP status and is an error.
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
        // Boxed: a task that accepts and then serves its connection would otherwise keep room for the state
        // of the handshake, about 2 KiB.
        let accepted = Box::pin(self.accept_here(stream)).await;
        accepted.inspect_err(|error| self.settings.common.telemetry.accept_failed(error))
    }

    async fn accept_here<S>(&self, stream: S) -> Result<WebSocket<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        match self.receive_here(stream).await? {
            Request::WebSocket(upgrade) => upgrade.accept().await,
            Request::Http(http) => Err(http.refuse().await),
        }
    }

    /// Reads a request and leaves the answer to the caller, who may look at it for any time, accept or refuse
    /// a WebSocket, and answer ordinary HTTP on the same port.
    ///
    /// A request that breaks the rules, or whose origin is not allowed, is refused here.
    ///
    /// # Errors
    /// Those of [`accept`](Server::accept).
    ///
    /// # Cancel safety
    /// A dropped call drops the stream.
    pub async fn receive<S>(&self, stream: S) -> Result<Request<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let received = Box::pin(self.receive_here(stream)).await;
        received.inspect_err(|error| self.settings.common.telemetry.accept_failed(error))
    }

    async fn receive_here<S>(&self, stream: S) -> Result<Request<R::Transport>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let received = self.receive_joining(stream, Joining::new(None)).await?;
        received.ok_or_else(|| io::Error::other("there is no shutdown").into())
    }

    /// Reads a request. If the shutdown is requested before it has come, answers 503 and returns `None`.
    pub(crate) async fn receive_joining<S>(
        &self,
        stream: S,
        mut joining: Joining,
    ) -> Result<Option<Request<R::Transport>>, OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let settings = &self.settings;
        R::set_options(&stream, &settings.socket);
        let mut io = R::wrap(stream);
        let timer = io.timer();
        let mut handshake = ServerHandshake::new(settings.common.limits);
        let receiving = within(
            timer,
            settings.common.config.get_handshake_timeout(),
            read_until(&mut io, |bytes| {
                match bytes.map(|bytes| handshake.receive(bytes)) {
                    Some(Ok(Progress::NeedMore)) => None,
                    Some(Ok(Progress::Done(incoming))) => Some(Ok(incoming)),
                    Some(Err(error)) => Some(Err(error.into())),
                    None => Some(Err(handshake.receive_eof().into())),
                }
            }),
        );
        let Some(received) = joining.until_requested(receiving).await else {
            let answer = Rejection::unavailable().to_bytes();
            let _ = answer_and_close(io, &answer, &settings.common.config).await;
            return Ok(None);
        };
        match received? {
            Ok(Incoming::Upgrade(request)) => match request.check(&settings.origin) {
                Ok(request) => Ok(Some(Request::WebSocket(Upgrade {
                    io,
                    request,
                    settings: settings.clone(),
                    joining,
                }))),
                Err(rejection) => {
                    let _ =
                        answer_and_close(io, &rejection.to_bytes(), &settings.common.config).await;
                    Err(OpenError::OriginRefused)
                }
            },
            Ok(Incoming::Http(request)) => Ok(Some(Request::Http(PlainHttp {
                io,
                request,
                settings: settings.clone(),
                joining,
            }))),
            Err(OpenError::Handshake(error)) => {
                if let Some(rejection) = error.rejection() {
                    let _ =
                        answer_and_close(io, &rejection.to_bytes(), &settings.common.config).await;
                }
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Returns how long each part of the opening of a connection may take.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.settings.common.config.get_handshake_timeout()
    }

    /// Answers before a request has come, and ends the connection.
    pub(crate) async fn answer<T: Transport>(&self, io: T, rejection: &Rejection) {
        rejected(rejection.status());
        // Nothing follows from an answer that does not arrive.
        let _ = answer_and_close(io, &rejection.to_bytes(), &self.settings.common.config).await;
    }

    /// Reports a connection that was not opened.
    pub(crate) fn refused(&self, error: &(dyn std::error::Error + 'static)) {
        self.settings.common.telemetry.accept_failed(error);
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

debug! { [R] Server<R>, this => protocols: this.settings.protocols }

/// A request that a server received; from [`Server::receive`].
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
    joining: Joining,
}

impl<T: Transport> Upgrade<T> {
    /// Accepts, with the first sub-protocol of the client's list that the server supports.
    ///
    /// # Errors
    /// [`OpenError::Io`], [`OpenError::Timeout`] if the answer cannot be written in time.
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept(self) -> Result<WebSocket<T>, OpenError> {
        self.accept_with(Ok).await
    }

    /// Accepts with headers, cookies or a sub-protocol of your own.
    ///
    /// ```no_run
    /// # async fn doc<T: wskit_driver::Transport>(upgrade: wskit_driver::Upgrade<T>) -> Result<(), wskit_driver::OpenError> {
    /// let ws = upgrade.accept_with(|accept| accept.cookie("session=42; HttpOnly")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`OpenError::Response`] when `with` sets something that may not be sent; those of
    /// [`accept`](Upgrade::accept).
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept_with(
        mut self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError>,
    ) -> Result<WebSocket<T>, OpenError> {
        let settings = &self.settings;
        let accept = self.request.accept().protocol_from(&settings.protocols);
        let (accept, agreed) = settings.common.extensions.answer(accept)?;
        let accepted = with(accept)?.finish();
        within(
            self.io.timer(),
            settings.common.config.get_handshake_timeout(),
            write_all(&mut self.io, &accepted.response),
        )
        .await??;
        let (leftover, protocol) = (accepted.leftover, accepted.protocol);
        let (role, peer) = (Role::Server, PeerName::NONE);
        let mut ws = settings
            .common
            .open(role, self.io, leftover, protocol, agreed, &peer);
        ws.engine.join(&mut self.joining);
        Ok(ws)
    }

    /// Refuses the request: answers with any status but 101 and ends the connection.
    ///
    /// # Errors
    /// Those of [`PlainHttp::respond`].
    ///
    /// # Cancel safety
    /// A dropped refusal drops the stream.
    pub async fn reject(self, rejection: &Rejection) -> Result<(), OpenError> {
        rejected(rejection.status());
        let answer = self.request.reject(rejection);
        answer_and_close(self.io, &answer, &self.settings.common.config).await
    }

    /// Returns the transport.
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

debug! { [T: Transport] Upgrade<T>, this => request: this.request }

/// An ordinary HTTP request on the port of a WebSocket server, for a page or a health check. One request
/// for each connection.
pub struct PlainHttp<T: Transport> {
    io: T,
    request: PlainRequest,
    settings: Arc<Settings>,
    joining: Joining,
}

impl<T: Transport> PlainHttp<T> {
    /// Returns method, target and headers.
    pub fn request(&self) -> &http::Request<()> {
        &self.request.request
    }

    /// Answers and ends the connection. `Content-Length` and `Connection: close` are added; the body
    /// is left out in answer to HEAD.
    ///
    /// The client has `Config::handshake_timeout` for each 64 KiB of the answer. Then up to 64 KiB of what
    /// it still sends are discarded, for at most `Config::close_timeout`, so that it can read the answer. A
    /// client that has not closed the connection by then is no error.
    ///
    /// # Errors
    /// [`OpenError::Response`] for a 1xx status. When the answer was cut off: [`OpenError::Timeout`] if the
    /// client does not take it in time, [`OpenError::Io`] if the transport fails.
    ///
    /// # Cancel safety
    /// A dropped answer drops the stream.
    pub async fn respond<B: AsRef<[u8]>>(
        self,
        response: &http::Response<B>,
    ) -> Result<(), OpenError> {
        let answer = self.request.respond(response)?;
        let answered = answer_and_close(self.io, &answer, &self.settings.common.config).await;
        drop(self.joining); // until now a shutdown has waited
        answered
    }

    /// Answers 426, because only WebSockets are served. The error is the same whether or not that arrives.
    pub(crate) async fn refuse(self) -> OpenError {
        let error = HandshakeError::MissingUpgrade;
        if let Some(rejection) = error.rejection() {
            let _ = answer_and_close(self.io, &rejection.to_bytes(), &self.settings.common.config)
                .await;
        }
        error.into()
    }

    /// Returns the transport, and the request with the bytes that followed its head, for another HTTP server.
    ///
    /// The connection leaves the shutdown of [`Serve::shutdown`](crate::Serve::shutdown): `finish` does not wait
    /// for what the other server does with it, and does not give it up.
    #[must_use]
    pub fn into_parts(self) -> (T, PlainRequest) {
        (self.io, self.request)
    }
}

debug! { [T: Transport] PlainHttp<T>, this => request: this.request }
