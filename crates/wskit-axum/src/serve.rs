//! Serving an app over HTTP/1.1 and HTTP/2: the function [`serve`](serve()), and its types.

mod stage;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_service::Service;

use stage::{Stage, before, caught, reached};

/// How long a client may take for the handshake of TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take, after TLS, until its first request has arrived.
const FIRST_REQUEST: Duration = Duration::from_secs(30);

/// How long an HTTP/1.1 client may take for the head of a further request. hyper counts it from the end of
/// the response before, so it bounds idle connections too: common proxies keep theirs for 60 s.
const NEXT_REQUEST: Duration = Duration::from_secs(75);

/// How often an HTTP/2 client is asked for a sign of life, and how long it may take for the answer.
const PING: Duration = Duration::from_secs(20);

/// The default of [`Serve::shutdown_timeout`].
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves an app on a TCP port, over HTTP/1.1 and HTTP/2, with windows for WebSockets.
///
/// It is used like `axum::serve`, and differs from it in this:
///
/// - It applies [`http2_settings`](crate::http2_settings). With the windows of `axum::serve`, 2,241 small
///   messages in one read end an HTTP/2 connection with all its WebSockets.
/// - It sets `TCP_NODELAY` on each connection.
/// - TLS can be put on each connection, in the connection's own task: [`tls`](Serve::tls).
/// - It bounds what a client can hold. The first request has to arrive within 30 s. Over HTTP/1.1 the head of
///   each further request has to arrive within 75 s of the response before, so a proxy in front should keep
///   idle connections for less. Over HTTP/2 a client has to answer a PING within 20 s, every 20 s.
/// - A graceful shutdown has a limit: [`shutdown_timeout`](Serve::shutdown_timeout).
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
        shutdown_timeout: SHUTDOWN_TIMEOUT,
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
    shutdown_timeout: Duration,
    on_error: Arc<dyn Fn(io::Error) + Send + Sync>,
    kind: PhantomData<fn() -> K>,
}

impl<A, K, T> Serve<A, K, T> {
    /// Stops accepting when `signal` completes, lets the requests end that are being answered, and then
    /// ends: at the latest after the [`shutdown_timeout`](Self::shutdown_timeout).
    ///
    /// A WebSocket over HTTP/1.1 is not waited for. One over HTTP/2 is, because it is a request on its
    /// connection. So end the WebSockets *while* this waits, with a [`Shutdown`](crate::Shutdown) whose
    /// deadline is below that timeout:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::State, response::Response, routing::any};
    /// use wskit_axum::{Shutdown, WebSocketUpgrade};
    ///
    /// async fn echo(ws: WebSocketUpgrade, State(shutdown): State<Shutdown>) -> Response {
    ///     ws.shutdown(&shutdown).on_upgrade(|mut ws| async move {
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
    /// report?;
    /// // One that had not reached its handler before has been told too, and this waits for it.
    /// println!("{}", shutdown.finish(Duration::from_secs(1)).await?);
    /// # Ok(()) }
    /// ```
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Box::pin(signal);
        self
    }

    /// Sets how long a graceful shutdown waits, from the signal on: 20 s by default. Then the connections that
    /// are left are dropped, with their requests and their WebSockets over HTTP/2.
    ///
    /// A client can make it wait that long, for example by not reading its response. Let it be some seconds
    /// longer than the limit of `Shutdown::finish`: the connection of a WebSocket over HTTP/2 that was given up
    /// then has the time to end.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = limit;
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
            shutdown_timeout: self.shutdown_timeout,
            on_error: self.on_error,
            kind: PhantomData,
        }
    }

    /// Sets a callback for connections that cannot be accepted, for example because too many files are open
    /// or the handshake of TLS fails. By default these errors are dropped.
    pub fn on_error(mut self, callback: impl Fn(io::Error) + Send + Sync + 'static) -> Self {
        // A callback that panics does not end the loop that accepts.
        self.on_error = Arc::new(move |error| {
            let _ = catch_unwind(AssertUnwindSafe(|| callback(error)));
        });
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
            shutdown_timeout,
            on_error,
            ..
        } = self;
        let builder = Arc::new(builder());
        let (stage, _) = watch::channel(Stage::Serving);
        loop {
            let accepting = async {
                let (tcp, peer) = accept(&listener, &*on_error).await;
                (tcp, caught(app.service(peer)).await)
            };
            let Some((tcp, made)) = before(&mut signal, accepting).await else {
                break;
            };
            let tls = catch_unwind(AssertUnwindSafe(|| tls.clone())).ok();
            let (Some(service), Some(tls)) = (made, tls) else {
                on_error(io::Error::other("the app panicked"));
                continue;
            };
            // It fails for a client that has gone already.
            let _ = tcp.set_nodelay(true);
            let secured = async move { tls(tcp).await };
            let connection = connection(
                secured,
                service,
                builder.clone(),
                on_error.clone(),
                stage.subscribe(),
            );
            let mut over = stage.subscribe();
            tokio::spawn(async move {
                before(reached(&mut over, Stage::Over), connection).await;
            });
        }
        // Clients are refused from here on.
        drop(listener);
        let _ = stage.send(Stage::Stopping);
        if tokio::time::timeout(shutdown_timeout, stage.closed())
            .await
            .is_err()
        {
            let _ = stage.send(Stage::Over);
            stage.closed().await;
        }
    }
}

/// Returns hyper's settings for all connections.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    crate::http2_settings(&mut builder);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_REQUEST);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// Serves one connection to its end.
async fn connection<S, I>(
    secured: impl Future<Output = io::Result<I>>,
    service: S,
    builder: Arc<auto::Builder<TokioExecutor>>,
    on_error: Arc<dyn Fn(io::Error) + Send + Sync>,
    mut stage: watch::Receiver<Stage>,
) where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let securing = tokio::time::timeout(TLS_TIMEOUT, secured);
    let io = match before(reached(&mut stage, Stage::Stopping), securing).await {
        None => return,
        Some(Ok(Ok(io))) => TokioIo::new(io),
        Some(Ok(Err(error))) => return on_error(error),
        Some(Err(elapsed)) => return on_error(elapsed.into()),
    };
    let asked = Arc::<AtomicBool>::default();
    let service = TowerToHyperService::new(Bodies {
        service,
        asked: asked.clone(),
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let mut first_request = pin!(Some(tokio::time::sleep(FIRST_REQUEST)));
    let mut stopping = pin!(Some(reached(&mut stage, Stage::Stopping)));
    poll_fn(|cx| {
        if let Some(stop) = stopping.as_mut().as_pin_mut() {
            if stop.poll(cx).is_ready() {
                stopping.set(None);
                connection.as_mut().graceful_shutdown();
            }
        }
        // What fails here is the client's connection, as with `axum::serve`.
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // hyper waits without a limit until it knows the version of HTTP.
        if let Some(late) = first_request.as_mut().as_pin_mut() {
            if asked.load(Ordering::Relaxed) {
                first_request.set(None);
            } else {
                return late.poll(cx);
            }
        }
        Poll::Pending
    })
    .await;
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

/// Gives the service axum's bodies in place of hyper's, and notes that there was a request.
#[derive(Clone)]
struct Bodies<S> {
    service: S,
    asked: Arc<AtomicBool>,
}

impl<S: Service<Request<Body>>> Service<Request<Incoming>> for Bodies<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> S::Future {
        self.asked.store(true, Ordering::Relaxed);
        self.service.call(request.map(Body::new))
    }
}
