//! Serving an app over HTTP/1.1 and HTTP/2: the function [`serve`](serve()), and its types.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// How long a client may take for the handshake of TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves an app on a TCP port, over HTTP/1.1 and HTTP/2, with windows for WebSockets.
///
/// It is used like `axum::serve`, and differs from it in this:
///
/// - It applies [`http2_settings`](crate::http2_settings). With the windows of `axum::serve`, 2,241 small
///   messages in one read end an HTTP/2 connection with all its WebSockets.
/// - It sets `TCP_NODELAY` on each connection.
/// - TLS can be put on each connection, in the connection's own task: [`tls`](Serve::tls).
///
/// `app` is a `Router`, a `MethodRouter`, or any other service that is like them. To extract
/// `ConnectInfo<SocketAddr>`, pass `app.into_make_service_with_connect_info::<SocketAddr>()`.
///
/// Each connection has a task of its own. If the process has too many open files, or accepting fails for
/// another reason that is not the client's, it tries again after a second.
///
/// It ends only by [`with_graceful_shutdown`](Serve::with_graceful_shutdown), and never with an error.
///
/// ```
/// use axum::{Router, response::Response, routing::any};
/// use wskit_axum::WebSocketUpgrade;
///
/// async fn hello(ws: WebSocketUpgrade) -> Response {
///     ws.on_upgrade(|mut ws| async move {
///         let _ = ws.send("hello").await;
///     })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new().route("/", any(hello));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let url = format!("ws://{}/", listener.local_addr()?);
/// tokio::spawn(wskit_axum::serve(listener, app).into_future());
///
/// let mut ws = wskit_tokio::connect(url).await?;
/// assert_eq!(ws.recv().await?.unwrap().as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
pub fn serve<A: App<K>, K>(listener: TcpListener, app: A) -> Serve<A, K> {
    Serve {
        listener,
        app,
        tls: |tcp| ready(Ok(tcp)),
        signal: Box::pin(pending()),
        on_error: Arc::new(|_| {}),
        kind: PhantomData,
    }
}

/// A server that has not been started; from [`serve`]. Await it.
#[must_use = "it does nothing unless it is awaited"]
pub struct Serve<A, K, T = fn(TcpStream) -> Ready<io::Result<TcpStream>>> {
    listener: TcpListener,
    app: A,
    tls: T,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    on_error: Arc<dyn Fn(io::Error) + Send + Sync>,
    kind: PhantomData<fn() -> K>,
}

impl<A, K, T> Serve<A, K, T> {
    /// Stops accepting when `signal` completes, lets the requests end that are being answered, and then
    /// ends.
    ///
    /// A WebSocket over HTTP/1.1 is not waited for. One over HTTP/2 is, because it is a request on its
    /// connection. So end the WebSockets *while* this waits, with a [`Shutdown`](crate::Shutdown) whose
    /// deadline bounds the wait:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::State, response::Response, routing::any};
    /// use wskit_axum::{Shutdown, WebSocketUpgrade};
    ///
    /// async fn echo(ws: WebSocketUpgrade, State(shutdown): State<Shutdown>) -> Response {
    ///     ws.on_upgrade(|mut ws| async move {
    ///         ws.track(&shutdown);
    ///         while let Ok(Some((message, out))) = ws.recv_ref().await {
    ///             let _ = out.feed(message); // fails if it comes too late
    ///         }
    ///     })
    /// }
    ///
    /// # async fn run(listener: tokio::net::TcpListener, stop: impl Future) -> Result<(), Box<dyn std::error::Error>> {
    /// let shutdown = Shutdown::new();
    /// let app = Router::new().route("/", any(echo)).with_state(shutdown.clone());
    /// let requested = shutdown.clone();
    /// let serving = wskit_axum::serve(listener, app)
    ///     .with_graceful_shutdown(async move { requested.requested().await });
    /// let stopping = async {
    ///     stop.await;
    ///     shutdown.finish(Duration::from_secs(10)).await
    /// };
    /// let (served, report) = tokio::join!(serving.into_future(), stopping);
    /// served?;
    /// println!("{}", report?);
    /// # Ok(()) }
    /// ```
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Box::pin(signal);
        self
    }

    /// Puts TLS, or anything else, on each connection, within 10 s and in the connection's own task.
    ///
    /// For HTTP/2 the acceptor has to offer `h2` by ALPN, before `http/1.1`.
    ///
    /// ```no_run
    /// # async fn doc(listener: tokio::net::TcpListener, app: axum::Router, acceptor: tokio_rustls::TlsAcceptor) {
    /// // `acceptor` is a `tokio_rustls::TlsAcceptor`.
    /// let serving = wskit_axum::serve(listener, app).tls(move |tcp| acceptor.accept(tcp));
    /// # let _ = serving.await; }
    /// ```
    pub fn tls<H, F, I>(self, handshake: H) -> Serve<A, K, H>
    where
        H: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<I>> + Send + 'static,
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Serve {
            listener: self.listener,
            app: self.app,
            tls: handshake,
            signal: self.signal,
            on_error: self.on_error,
            kind: PhantomData,
        }
    }

    /// Sets a callback for connections that cannot be accepted, for example because too many files are open
    /// or the handshake of TLS fails. By default these errors are dropped.
    pub fn on_error(mut self, callback: impl Fn(io::Error) + Send + Sync + 'static) -> Self {
        self.on_error = Arc::new(callback);
        self
    }

    /// Returns the address of the port.
    ///
    /// # Errors
    /// Those of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl<A, K, T, F, I> Serve<A, K, T>
where
    A: App<K>,
    T: Fn(TcpStream) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<I>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self) {
        let Self {
            listener,
            mut app,
            tls,
            mut signal,
            on_error,
            ..
        } = self;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        crate::http2_settings(&mut builder);
        let builder = Arc::new(builder);
        let connections = GracefulShutdown::new();
        loop {
            let mut accepting = pin!(accept(&listener, &*on_error));
            let accepted = poll_fn(|cx| match signal.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepting.as_mut().poll(cx).map(Some),
            });
            let Some((tcp, peer)) = accepted.await else {
                break;
            };
            // It fails for a client that has gone already.
            let _ = tcp.set_nodelay(true);
            let service = TowerToHyperService::new(Bodies(app.service(peer).await));
            let (tls, builder, on_error) = (tls.clone(), builder.clone(), on_error.clone());
            let watcher = connections.watcher();
            tokio::spawn(async move {
                match tokio::time::timeout(TLS_TIMEOUT, tls(tcp)).await {
                    Ok(Ok(io)) => {
                        let io = TokioIo::new(io);
                        let connection = builder.serve_connection_with_upgrades(io, service);
                        // What fails here is the client's connection, as with `axum::serve`.
                        let _ = watcher.watch(connection).await;
                    }
                    Ok(Err(error)) => on_error(error),
                    Err(elapsed) => on_error(elapsed.into()),
                }
            });
        }
        // Clients are refused from here on.
        drop(listener);
        connections.shutdown().await;
    }
}

impl<A, K, T, F, I> IntoFuture for Serve<A, K, T>
where
    A: App<K>,
    K: 'static,
    T: Fn(TcpStream) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<I>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// `Ok`, always: the same type as that of `axum::serve`.
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run().await;
            Ok(())
        })
    }
}

impl<A, K, T> fmt::Debug for Serve<A, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// Waits for the next connection. An error of one client is followed by the next client; any other, such as
/// too many open files, by a pause of a second.
async fn accept(
    listener: &TcpListener,
    on_error: &(dyn Fn(io::Error) + Send + Sync),
) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        let of_one_client = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
        );
        on_error(error);
        if !of_one_client {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What [`serve`] serves: a service for all connections, or one that makes a service for each. Both are
/// implemented; `K` tells them apart and is inferred.
pub trait App<K>: Send + 'static {
    /// What answers the requests of a connection.
    type Service: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static;

    /// Returns the service for a connection of this client.
    fn service(&mut self, peer: SocketAddr) -> impl Future<Output = Self::Service> + Send;
}

/// The kind of [`App`] that answers requests itself, such as a `Router`.
#[derive(Debug)]
pub enum ForAll {}

/// The kind of [`App`] that makes a service for each connection, such as what
/// `into_make_service_with_connect_info` returns.
#[derive(Debug)]
pub enum ForEach {}

impl<S> App<ForAll> for S
where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Service = S;

    async fn service(&mut self, _: SocketAddr) -> S {
        self.clone()
    }
}

impl<M, S> App<ForEach> for M
where
    M: Service<SocketAddr, Response = S, Error = Infallible, Future: Send> + Send + 'static,
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Service = S;

    async fn service(&mut self, peer: SocketAddr) -> S {
        let Ok(()) = poll_fn(|cx| self.poll_ready(cx)).await;
        let Ok(service) = self.call(peer).await;
        service
    }
}

/// Gives the service axum's bodies in place of hyper's.
#[derive(Clone)]
struct Bodies<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Incoming>> for Bodies<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> S::Future {
        self.0.call(request.map(Body::new))
    }
}
