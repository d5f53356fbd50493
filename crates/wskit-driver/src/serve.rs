//! Serving a listener; see [`Server::serve`].

mod accepting;
mod error;
mod handler;
mod listener;
mod room;
mod runtime;
mod shared;
mod task;

pub use error::{BoxError, ServeError, ServeFault};
pub use listener::{Listener, StreamListener};
pub(crate) use room::Room;
pub use runtime::{ServeRuntime, ServerTls};

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use handler::{Handler, HandlerOutput, RequestHandler, WebSocketHandler};
use shared::Shared;

use crate::server::{PlainHttp, Request, Server};
use crate::shutdown::{Members, Shutdown};
use crate::websocket::WebSocket;

/// The most connections that are refused at once.
const REFUSALS: usize = 256;

impl<R> Server<R> {
    /// Accepts connections from `listener`, each in a task of its own, and calls `handler` with every
    /// WebSocket that is open. Await what is returned; its methods set limits, TLS, and who is told of errors.
    ///
    /// The listener is one for TCP or Unix sockets of the runtime, or a [`StreamListener`].
    ///
    /// The handler is a closure, or function, of a connection and its client's address. It is cloned for each
    /// connection, and with it what it owns, so that it can move an `Arc`, or a handle to your state, into
    /// its future. Its future returns `()` or a `Result` with any error, so that `?` works. When it ends,
    /// the connection is dropped, unless it was given to others: a handler that returns before the closing
    /// handshake cuts its client off.
    ///
    /// An accept that fails ends nothing: it is reported, and tried again, after 10 ms to 1 s if something
    /// is lacking, such as open files. TLS and the opening handshake are done in the connection's task,
    /// each within `Config::handshake_timeout`. A request that is not for a WebSocket is answered with 426, or
    /// by [`Serve::http`]. A handler that panics loses its own connection, and the panic is reported. A listener
    /// of your own that panics ends the serving ([`Listener::accept`]).
    ///
    /// ```no_run
    /// # use wskit_driver::{ConnectionError, Listener, ServeRuntime, Server};
    /// # async fn doc<R: ServeRuntime<L::Stream>, L: Listener<R>>(server: Server<R>, listener: L) -> std::io::Result<()> {
    /// server
    ///     .serve(listener, |mut ws, _peer| async move {
    ///         while let Some((message, out)) = ws.recv_ref().await? {
    ///             out.feed(message)?;
    ///         }
    ///         Ok::<_, ConnectionError>(())
    ///     })
    ///     .max_connections(10_000)
    ///     .on_error(|error| {
    ///         if !error.is_disconnect() {
    ///             eprintln!("{error}");
    ///         }
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting, and drops the listener. The connections that were accepted go on
    /// in their tasks.
    pub fn serve<L, H, F>(&self, listener: L, handler: H) -> Serve<R, L, WebSocketHandler<H>>
    where
        L: Listener<R>,
        R: ServeRuntime<L::Stream>,
        H: FnOnce(WebSocket<R::Io>, L::Addr) -> F + Clone + Send + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        Serve::new(self.clone(), listener, WebSocketHandler(handler))
    }

    /// Does what [`serve`](Server::serve) does, with a handler that gets the request before it is answered: to
    /// look at its path, cookies and headers, and to accept or refuse it. It gets ordinary HTTP requests
    /// too, unless there is [`Serve::http`].
    ///
    /// ```no_run
    /// # use wskit_driver::{BoxError, Listener, Request, ServeRuntime, Server};
    /// # use wskit_handshake::Rejection;
    /// # async fn doc<R: ServeRuntime<L::Stream>, L: Listener<R>>(server: Server<R>, listener: L) -> std::io::Result<()> {
    /// server
    ///     .serve_requests(listener, |request, _peer| async move {
    ///         let Request::WebSocket(upgrade) = request else {
    ///             return Ok(()); // closes without an answer
    ///         };
    ///         if upgrade.header_str("authorization") != Some("Bearer secret") {
    ///             return Ok(upgrade.reject(&Rejection::forbidden()).await?);
    ///         }
    ///         let mut ws = upgrade.accept().await?;
    ///         ws.send("welcome").await?;
    ///         while ws.recv().await?.is_some() {}
    ///         Ok::<_, BoxError>(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// That of [`serve`](Server::serve).
    pub fn serve_requests<L, H, F>(&self, listener: L, handler: H) -> Serve<R, L, RequestHandler<H>>
    where
        L: Listener<R>,
        R: ServeRuntime<L::Stream>,
        H: FnOnce(Request<R::Io>, L::Addr) -> F + Clone + Send + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        Serve::new(self.clone(), listener, RequestHandler(handler))
    }
}

/// A server with its listener and its handler, from [`Server::serve`]. Await it to run it.
///
/// It ends with `Ok` when the shutdown is requested or the listener has no more connections. It fails only if
/// an accept failed and the runtime has no timer to wait by.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<R, L, H>
where
    L: Listener<R>,
    R: ServeRuntime<L::Stream>,
{
    shared: Shared<R, L::Stream, L::Addr>,
    listener: L,
    handler: H,
    members: Option<Arc<Members>>,
    when_full: WhenFull,
}

/// What happens to a connection beyond [`Serve::max_connections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits in the system's queue, until another one has ended. The default.
    Wait,
    /// It is answered with 503 and closed.
    ///
    /// The answer is sent after TLS, and before the request is read. At most 256 connections are being
    /// refused at once; those beyond are closed without an answer.
    ///
    /// Refusals are no errors of the server or the client: neither [`Serve::on_error`] nor an observer is told of
    /// them, nor of a TLS handshake that fails before one.
    Refuse {
        /// When the client may come again (`Retry-After`). It is rounded up to seconds.
        retry_after: Duration,
    },
}

impl<R, L, H> Serve<R, L, H>
where
    L: Listener<R>,
    R: ServeRuntime<L::Stream>,
{
    fn new(server: Server<R>, listener: L, handler: H) -> Self {
        Self {
            shared: Shared {
                server,
                secure: None,
                page: None,
                on_error: None,
                room: None,
                refusing: None,
            },
            listener,
            handler,
            members: None,
            when_full: WhenFull::Wait,
        }
    }

    /// Puts every connection inside TLS, with an acceptor of the binding's `tls` module, or with another TLS
    /// library (see [`ServerTls`]). The type of the handler stays the same.
    ///
    /// The handshake may take `Config::handshake_timeout`, and no longer than the acceptor allows.
    pub fn tls(mut self, tls: impl ServerTls<R, L::Stream>) -> Self {
        let tls = Arc::new(tls);
        self.shared.secure = Some(Box::new(move |stream| {
            let tls = tls.clone();
            Box::pin(async move { tls.accept(stream).await })
        }));
        self
    }

    /// Sets how many connections are served at once; at least 1. Default: no limit.
    ///
    /// A connection counts from its accept until its handler has returned, so those in their opening
    /// handshake are among them. [`when_full`](Serve::when_full) says what happens to others.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.shared.room = Some(Room::new(most));
        self
    }

    /// Sets what happens to a connection beyond [`max_connections`](Serve::max_connections).
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Follows a shutdown: when it is requested, accepting stops, the listener is dropped, the future ends, and
    /// [`Shutdown::finish`] waits for every connection.
    ///
    /// Open connections are [tracked](crate::WebSocket::track) and get a Close with 1001. A client whose
    /// request has not come is answered with 503, or closed if it is still at its TLS handshake. What a
    /// handler has got is left to the handler: a request that it accepts then gets a Close with 1001 at once.
    ///
    /// ```no_run
    /// # use std::{future::IntoFuture, time::Duration};
    /// # use wskit_driver::{Listener, ServeRuntime, Server, Shutdown, Timer};
    /// # async fn doc<R: ServeRuntime<L::Stream>, L: Listener<R>, C: Timer>(
    /// #     server: Server<R>, listener: L, shutdown: Shutdown<C>, time_to_stop: impl Future,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let serving = server
    ///     .serve(listener, |mut ws, _| async move { while let Ok(Some(_)) = ws.recv().await {} })
    ///     .shutdown(&shutdown)
    ///     .into_future(); // to be spawned
    /// # drop(serving);
    /// time_to_stop.await;
    /// println!("{}", shutdown.finish(Duration::from_secs(10)).await?);
    /// # Ok(()) }
    /// ```
    pub fn shutdown<C>(mut self, shutdown: &Shutdown<C>) -> Self {
        self.members = Some(shutdown.members());
        self
    }

    /// Sets what is told of errors: of accepts, TLS, opening handshakes and handlers. It is called in the
    /// task of the connection, or in that which accepts, and should be quick. Default: errors go to `tracing`
    /// only (with that feature).
    pub fn on_error(
        mut self,
        on_error: impl Fn(&ServeError<L::Addr>) + Send + Sync + 'static,
    ) -> Self {
        self.shared.on_error = Some(Box::new(on_error));
        self
    }

    /// Sets the handler of ordinary HTTP requests, for pages on the same port: one request for each
    /// connection. It is cloned for each, and returns what the other handler may return. Default: 426.
    ///
    /// ```no_run
    /// # use wskit_driver::{Listener, ServeRuntime, Server};
    /// # async fn doc<R: ServeRuntime<L::Stream>, L: Listener<R>>(server: Server<R>, listener: L) -> std::io::Result<()> {
    /// server
    ///     .serve(listener, |mut ws, _| async move { while let Ok(Some(_)) = ws.recv().await {} })
    ///     .http(|request, _| async move { request.respond(&http::Response::new("hello")).await })
    ///     .await
    /// # }
    /// ```
    pub fn http<P, F>(mut self, handler: P) -> Self
    where
        P: FnOnce(PlainHttp<R::Io>, L::Addr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.shared.page = Some(Box::new(move |request, peer| {
            let handled = handler.clone()(request, peer);
            Box::pin(async move { handled.await.into_result() })
        }));
        self
    }
}

impl<R, L, H> IntoFuture for Serve<R, L, H>
where
    L: Listener<R>,
    R: ServeRuntime<L::Stream>,
    H: Handler<R::Io, L::Addr>,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        if let WhenFull::Refuse { retry_after } = self.when_full {
            self.shared.refusing = Some((Room::new(REFUSALS), retry_after));
        }
        let shared = Arc::new(self.shared);
        Box::pin(accepting::run(
            shared,
            self.listener,
            self.handler,
            self.members,
        ))
    }
}

impl<R, L, H> fmt::Debug for Serve<R, L, H>
where
    L: Listener<R>,
    R: ServeRuntime<L::Stream>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("server", &self.shared.server)
            .field("when_full", &self.when_full)
            .finish_non_exhaustive()
    }
}
