use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use wskit_handshake::BuildError;
#[cfg(feature = "http2")]
use wskit_hyper::ReadAhead;
#[cfg(feature = "deflate")]
use wskit_hyper::deflate;
use wskit_hyper::{
    Accept, Attempt, Config, OpenError, OriginPolicy, Server, Shutdown, UpgradeRequest, WebSocket,
};

use crate::rejection::WebSocketUpgradeRejection;

/// Extracts a request for a WebSocket.
///
/// It dereferences to the [`UpgradeRequest`]: path, host, origin, offered subprotocols, headers. Configure
/// the connection with the methods, and create the response with [`on_upgrade`](Self::on_upgrade).
/// If it is dropped instead, the connection stays with HTTP, and any other response can be
/// returned.
///
/// **Only pages of the same host are allowed** unless [`origin`](Self::origin) sets another policy:
/// a browser lets any page open a WebSocket to any server, with that server's cookies (RFC 6455
/// §10.2).
///
/// Route it with `get(..)` for HTTP/1.1, and with `any(..)` to support HTTP/2 (feature `http2`)
/// too, because the request is a CONNECT there (RFC 8441).
///
/// ```
/// use axum::{Router, response::Response, routing::get};
/// use wskit_axum::{WebSocket, WebSocketUpgrade};
///
/// async fn chat(ws: WebSocketUpgrade) -> Response {
///     ws.protocols(["chat"]).on_upgrade(|mut ws: WebSocket| async move {
///         while let Ok(Some(message)) = ws.recv().await {
///             if ws.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let app: Router = Router::new().route("/chat", get(chat));
/// ```
#[must_use = "the response is made by `on_upgrade`"]
pub struct WebSocketUpgrade {
    attempt: Attempt,
    server: Server,
    with: Vec<With>,
    on_failed_upgrade: OnFailed,
    #[cfg(feature = "http2")]
    read_ahead: ReadAhead,
}

type OnFailed = Box<dyn FnOnce(OpenError) + Send>;
/// A change to the response.
type With = Box<dyn FnOnce(Accept) -> Result<Accept, BuildError> + Send>;

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            attempt: Attempt::from_parts(parts)?,
            server: Server::new(OriginPolicy::SameOrigin),
            with: Vec::new(),
            on_failed_upgrade: Box::new(|_| {}),
            #[cfg(feature = "http2")]
            read_ahead: ReadAhead::default(),
        })
    }
}

impl WebSocketUpgrade {
    /// Sets the subprotocols that the server supports. The first one in the client's list that is
    /// supported is selected; if there is none, the connection has no subprotocol (RFC 6455
    /// §4.2.2).
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.server = self.server.protocols(protocols);
        self
    }

    /// Sets the configuration of the connection. An `Arc<Config>` is shared by all connections.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.server = self.server.config(config);
        self
    }

    /// Sets which pages are allowed, instead of those of the same host.
    ///
    /// Behind a proxy that changes `Host`, use a list of origins.
    pub fn origin(mut self, origin: OriginPolicy) -> Self {
        self.server = self.server.origin(origin);
        self
    }

    /// Enables permessage-deflate for clients that offer it (RFC 7692).
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.server = self.server.deflate(config);
        self
    }

    /// Replaces all settings with those of `server`, which can be created once for all connections.
    ///
    /// ```
    /// use axum::{extract::State, response::Response};
    /// use wskit_axum::{OriginPolicy, Server, WebSocketUpgrade};
    ///
    /// // Given to the router by `with_state(Server::new(OriginPolicy::SameOrigin).protocols(["chat"]))`.
    /// async fn chat(ws: WebSocketUpgrade, State(server): State<Server>) -> Response {
    ///     ws.server(server).on_upgrade(|_ws| async {})
    /// }
    /// ```
    pub fn server(mut self, server: Server) -> Self {
        self.server = server;
        self
    }

    /// Makes the connection follow a shutdown. [`Shutdown::finish`] waits from now on until the callback's
    /// connection has ended, or this is dropped. So call it first in a handler that awaits something else.
    ///
    /// With [`WebSocket::track`](wskit_hyper::driver::WebSocket::track) in the callback alone, a connection
    /// whose response has not been written yet is not waited for.
    ///
    /// ```
    /// use axum::{extract::State, response::Response};
    /// use wskit_axum::{Shutdown, WebSocketUpgrade};
    ///
    /// async fn echo(ws: WebSocketUpgrade, State(shutdown): State<Shutdown>) -> Response {
    ///     ws.shutdown(&shutdown).on_upgrade(|mut ws| async move {
    ///         // `None` comes also after a shutdown.
    ///         while let Ok(Some((message, out))) = ws.recv_ref().await {
    ///             let _ = out.feed(message);
    ///         }
    ///     })
    /// }
    /// ```
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.attempt = self.attempt.shutdown(shutdown);
        self
    }

    /// Adds headers or cookies to the response, or selects the subprotocol. Anything that must not
    /// be sent turns the response into a 500.
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use wskit_axum::WebSocketUpgrade;
    /// async fn chat(ws: WebSocketUpgrade) -> Response {
    ///     ws.accept_with(|accept| accept.cookie("id=42; HttpOnly")).on_upgrade(|_ws| async {})
    /// }
    /// ```
    pub fn accept_with(
        mut self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError> + Send + 'static,
    ) -> Self {
        self.with.push(Box::new(with));
        self
    }

    /// Sets a callback for when the connection is not handed over, because the client disconnected
    /// or a layer dropped the response. By default nothing happens.
    pub fn on_failed_upgrade(mut self, callback: impl FnOnce(OpenError) + Send + 'static) -> Self {
        self.on_failed_upgrade = Box::new(callback);
        self
    }

    /// Sets what happens over HTTP/2 with messages that arrive while the callback does not receive.
    /// By default 1 MiB of them is read ahead. No effect over HTTP/1.1.
    #[cfg(feature = "http2")]
    pub fn read_ahead(mut self, read_ahead: ReadAhead) -> Self {
        self.read_ahead = read_ahead;
        self
    }

    /// Accepts the request. Returns the response to send, and runs `callback` with the connection
    /// in a task of its own once the response has been written.
    ///
    /// If the origin is not allowed, returns the 403 response and drops the callback. If the request has no
    /// connection, as in a test by `Router::oneshot`, returns 426.
    ///
    /// Return this response and no other: see [`wskit_hyper::PendingWebSocket::open`].
    ///
    /// When the server shuts down, axum does not end this task and does not wait for it. Call
    /// [`shutdown`](Self::shutdown) first, and run `finish` beside axum's graceful shutdown, as in the
    /// [guide](crate::guide#shutting-down).
    ///
    /// # Panics
    /// Panics outside a tokio runtime, where axum never calls a handler.
    pub fn on_upgrade<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Self {
            attempt,
            server,
            with,
            on_failed_upgrade,
            #[cfg(feature = "http2")]
            read_ahead,
        } = self;
        let accepted = attempt.check(&server).and_then(|upgrade| {
            upgrade.accept_with(|accept| {
                with.into_iter()
                    .try_fold(accept, |accept, with| with(accept))
            })
        });
        let (response, opening) = match accepted {
            Ok(accepted) => accepted,
            Err(refused) => return WebSocketUpgradeRejection(refused).into_response(),
        };
        #[cfg(feature = "http2")]
        let opening = opening.read_ahead(read_ahead);
        tokio::spawn(async move {
            match opening.open().await {
                Ok(ws) => callback(ws).await,
                Err(error) => on_failed_upgrade(error),
            }
        });
        response.map(|()| Body::empty())
    }
}

impl Deref for WebSocketUpgrade {
    type Target = UpgradeRequest;
    fn deref(&self) -> &UpgradeRequest {
        &self.attempt
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("request", &self.attempt)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
