//! Sessions of real connections, on a hub.

mod acts;
mod client;
mod grant;
mod serving;
mod telemetry;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wskit_driver::{ConnectionError, SendTransport, WebSocket};
use wskit_hub::{CloseCode, Hub, Publication};

pub use self::client::Client;
pub use self::grant::{Grant, Identity};
use crate::codes::DisconnectCode;
use crate::message::{ConnectRequest, SubscribeRequest};
use crate::refusal::Refusal;
use crate::session::Settings;

/// Serves clients of the protocol on a hub.
///
/// Each callback decides about one kind of request. What is not set is refused: without
/// [`on_connect`](Site::on_connect) no client may connect, without [`on_subscribe`](Site::on_subscribe) clients may
/// subscribe only to topics that the hub's rules open to everyone.
///
/// Cloning a site is cheap. A clone may get callbacks of its own, such as one that knows the cookies of the
/// request that this connection began with.
///
/// Requests of a client are answered in their order, and a callback may take its time: others are not kept
/// waiting, and neither are the client's calls of procedures. A callback that panics ends the connection.
#[derive(Clone)]
pub struct Site {
    hub: Hub,
    settings: Arc<Settings>,
    handlers: Arc<Handlers>,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;
type Handler<A, T> = Arc<dyn Fn(A) -> Answer<T> + Send + Sync>;
type Farewell = Arc<dyn Fn(&Client) + Send + Sync>;

#[derive(Clone)]
struct Handlers {
    connect: Option<Handler<ConnectRequest, Identity>>,
    subscribe: Option<Handler<(Client, SubscribeRequest), Grant>>,
    publish: Option<Handler<(Client, String, Publication), Publication>>,
    rpc: Option<Handler<(Client, String, Bytes), Bytes>>,
    send: Option<Handler<(Client, Bytes), ()>>,
    refresh: Option<Handler<(Client, String), Option<Duration>>>,
    sub_refresh: Option<Handler<(Client, String, String), Option<Duration>>>,
    disconnect: Option<Farewell>,
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

fn handler<A, T, F>(callback: impl Fn(A) -> F + Send + Sync + 'static) -> Handler<A, T>
where
    F: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    Arc::new(move |argument| Box::pin(callback(argument)))
}

impl Site {
    /// Creates a site on a hub, with the default [`Settings`].
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            settings: Arc::default(),
            handlers: Arc::new(Handlers {
                connect: None,
                subscribe: None,
                publish: None,
                rpc: None,
                send: None,
                refresh: None,
                sub_refresh: None,
                disconnect: None,
                clock: Arc::new(Instant::now),
            }),
        }
    }

    /// Returns the hub.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Sets times and limits.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Arc::new(settings);
        self
    }

    fn handlers(&mut self) -> &mut Handlers {
        Arc::make_mut(&mut self.handlers)
    }

    /// Sets who may connect: the callback gets the request, with the client's token, and returns who the client is.
    ///
    /// Refuse a token that has expired with [`ErrorCode::TokenExpired`](crate::ErrorCode::TokenExpired): clients then get
    /// a new one. Refuse one that is not valid with
    /// [`DisconnectCode::InvalidToken`](crate::DisconnectCode::InvalidToken).
    #[must_use]
    pub fn on_connect<F>(
        mut self,
        callback: impl Fn(ConnectRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        self.handlers().connect = Some(handler(callback));
        self
    }

    /// Sets who may subscribe to what: the callback gets the client and the request, and returns what comes with the
    /// subscription. Without it the rules of the hub decide alone.
    #[must_use]
    pub fn on_subscribe<F>(
        mut self,
        callback: impl Fn(Client, SubscribeRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Grant, Refusal>> + Send + 'static,
    {
        self.handlers().subscribe =
            Some(handler(move |(client, request)| callback(client, request)));
        self
    }

    /// Sets what is published: the callback gets the client, the topic and the publication, and returns that or
    /// another one. The client also needs a [`Grant::publish`], or rules that let everyone publish.
    #[must_use]
    pub fn on_publish<F>(
        mut self,
        callback: impl Fn(Client, String, Publication) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Publication, Refusal>> + Send + 'static,
    {
        self.handlers().publish = Some(handler(move |(client, topic, publication)| {
            callback(client, topic, publication)
        }));
        self
    }

    /// Sets the procedures: the callback gets the client, the name of the procedure and the argument, and returns the
    /// result. Refuse an unknown name with [`ErrorCode::MethodNotFound`](crate::ErrorCode::MethodNotFound).
    #[must_use]
    pub fn on_rpc<F>(
        mut self,
        callback: impl Fn(Client, String, Bytes) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Bytes, Refusal>> + Send + 'static,
    {
        self.handlers().rpc = Some(handler(move |(client, method, data)| {
            callback(client, method, data)
        }));
        self
    }

    /// Sets what becomes of data that a client sends without wanting a reply.
    #[must_use]
    pub fn on_send<F>(
        mut self,
        callback: impl Fn(Client, Bytes) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.handlers().send = Some(handler(move |(client, data)| callback(client, data)));
        self
    }

    /// Sets how sessions that [expire](Identity::expires_in) are prolonged: the callback gets the client and its new
    /// token, and returns for how long from now on, or `None` for ever.
    #[must_use]
    pub fn on_refresh<F>(
        mut self,
        callback: impl Fn(Client, String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<Duration>, Refusal>> + Send + 'static,
    {
        self.handlers().refresh = Some(handler(move |(client, token)| callback(client, token)));
        self
    }

    /// Sets how subscriptions that [expire](Grant::expires_in) are prolonged: the callback gets the client, the topic
    /// and the new token, and returns for how long from now on, or `None` for ever.
    #[must_use]
    pub fn on_sub_refresh<F>(
        mut self,
        callback: impl Fn(Client, String, String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<Duration>, Refusal>> + Send + 'static,
    {
        self.handlers().sub_refresh = Some(handler(move |(client, topic, token)| {
            callback(client, topic, token)
        }));
        self
    }

    /// Sets what is done when the connection of a client that was connected is over.
    #[must_use]
    pub fn on_disconnect(mut self, callback: impl Fn(&Client) + Send + Sync + 'static) -> Self {
        self.handlers().disconnect = Some(Arc::new(callback));
        self
    }

    /// Sets what tells the time, for tests with a virtual clock; by default [`Instant::now`]. It has to agree with
    /// the `sleep` of [`serve`](Site::serve).
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.handlers().clock = Arc::new(now);
        self
    }

    /// Serves a connection until it is over. `sleep` is what waits, such as `tokio::time::sleep`.
    ///
    /// The encoding is that of the connection's sub-protocol: offer [`SUBPROTOCOLS`](crate::SUBPROTOCOLS) in the
    /// opening handshake. Clients that use JSON may name none.
    ///
    /// # Errors
    /// How the connection has ended, if not cleanly.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection, without a Close.
    pub fn serve<T, S, F>(
        &self,
        ws: WebSocket<T>,
        sleep: S,
    ) -> impl Future<Output = Result<(), ConnectionError>> + use<T, S, F>
    where
        T: SendTransport,
        S: Fn(Duration) -> F,
        F: Future,
    {
        serving::serve(self.clone(), ws, sleep)
    }

    /// Ends all sessions with [`DisconnectCode::Shutdown`], evenly spread over `window`, then closes the hub: clients
    /// come back, to another process or this one's successor, over the same time.
    ///
    /// # Cancel safety
    /// That of [`Hub::close`].
    pub async fn shutdown<S, F>(&self, window: Duration, sleep: S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let why = DisconnectCode::Shutdown;
        let code = close_code(why.get());
        self.hub.close(code, why.text(), window, sleep).await;
    }
}

/// Returns the code of a Close. One that cannot be sent becomes one after which clients connect again.
fn close_code(code: u32) -> CloseCode {
    let code = u16::try_from(code).map(CloseCode::new);
    code.ok()
        .filter(|code| code.is_sendable())
        .unwrap_or(CloseCode::new(3000))
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("hub", &self.hub)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
