mod joining;
mod member;
mod report;

pub use joining::Joining;
pub(crate) use joining::{accept_until_requested, until_requested};
pub(crate) use member::{Member, Members, Role, Told};
pub use report::Report;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::error::ConnectionError;
use crate::transport::{Deadline, Timer};

/// Ends many connections gracefully: no new ones, a Close with 1001 (going away, RFC 6455 §7.4.1)
/// to each that is open, time for them to finish, and a report.
///
/// Clones are the same shutdown. Connections join with [`WebSocket::track`](crate::WebSocket::track)
/// (also before a split) or [`Reader::track`](crate::Reader::track).
///
/// ```no_run
/// # use std::time::Duration;
/// # use wskit_driver::{Runtime, Server, Shutdown, Timer, Transport};
/// # async fn accept<S>() -> S { std::future::pending().await }
/// # fn spawn(task: impl Future) {}
/// # async fn doc<S: 'static, R: Runtime<S>, C: Timer + Default>(server: Server<R>) -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::<C>::new();
/// let accepting = async {
///     // Ends when the shutdown is requested.
///     while let Some(stream) = shutdown.until_requested(accept::<S>()).await {
///         let (server, shutdown) = (server.clone(), shutdown.clone());
///         spawn(async move {
///             let mut ws = server.accept(stream).await?;
///             ws.track(&shutdown);
///             while let Some(message) = ws.recv().await? {
///                 match ws.send(message).await {
///                     Err(error) if error.is_closed() => {} // too late for an answer
///                     sent => sent?,
///                 }
///             }
///             Ok::<_, Box<dyn std::error::Error>>(())
///         });
///     }
/// };
/// // Elsewhere, when it is time:
/// let report = shutdown.finish(Duration::from_secs(10)).await;
/// println!("{}", report?);
/// # accepting.await;
/// # Ok(()) }
/// ```
///
/// # What a connection notices
/// When it next waits to receive, it queues the Close by itself, after what is queued and what waits
/// in its [`Lane`](crate::Lane)s. What the peer still sends is received, then `None` comes, so a loop
/// that receives ends by itself. Sending fails with `Closed` from the Close on
/// ([`ConnectionError::is_closed`]): a loop that answers may take that for its end, but only one that goes on
/// receiving until `None` sees the closing handshake through.
///
/// An owner that only sends is told when it flushes; one that answers what it receives is let finish
/// its answer. `Config::close_timeout` counts as for any Close. A connection without an
/// awaited call notices nothing.
///
/// A connection that joins after the request is told at once.
///
/// # Runtimes
/// `C` is the runtime's alarm; the bindings have a `Shutdown` with theirs.
pub struct Shutdown<C> {
    members: Arc<Members>,
    timer: C,
}

impl<C: Timer + Default> Shutdown<C> {
    /// Creates a shutdown that has not been requested.
    pub fn new() -> Self {
        Self::with_timer(C::default())
    }
}

impl<C: Timer + Default> Default for Shutdown<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Timer> Shutdown<C> {
    /// Creates a shutdown with the given timer.
    pub fn with_timer(timer: C) -> Self {
        Self {
            members: Arc::default(),
            timer,
        }
    }

    /// Requests the shutdown and waits, for at most `within`, until every tracked connection has ended.
    /// Connections that are left are given up: their calls return `Timeout(Close)`.
    ///
    /// # Errors
    /// [`ConnectionError::NoTimer`].
    ///
    /// # Cancel safety
    /// Safe: the shutdown stays requested, and another call waits again.
    pub async fn finish(&self, within: Duration) -> Result<Report, ConnectionError> {
        self.request();
        let mut deadline = Deadline::new(self.timer.clone(), within);
        let waiting = self.members.join(Role::Waits);
        poll_fn(move |cx| {
            waiting.listen(cx);
            if let Some(report) = self.members.report_if_over() {
                return Poll::Ready(Ok(report));
            }
            deadline.poll(cx).map(|passed| match passed {
                Ok(()) => Ok(self.members.give_up()),
                Err(error) => Err(ConnectionError::NoTimer(error)),
            })
        })
        .await
    }
}

impl<C> Shutdown<C> {
    /// Requests the shutdown and returns. Every tracked connection is told.
    pub fn request(&self) {
        self.members.request();
    }

    /// Returns whether the shutdown has been requested.
    pub fn is_requested(&self) -> bool {
        self.members.is_requested()
    }

    /// Waits until the shutdown is requested.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn requested(&self) {
        let mut waiting = self.members.join(Role::Waits);
        poll_fn(|cx| waiting.poll_requested(cx)).await;
    }

    /// Waits for `future` until the shutdown is requested; then drops it and returns `None`. For tasks
    /// that accept connections.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub async fn until_requested<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut waiting = self.members.join(Role::Waits);
        until_requested(Some(&mut waiting), future).await
    }

    /// Makes this shutdown wait for a connection whose opening handshake an HTTP library carries. Give the
    /// result to [`PendingWebSocket::join`](crate::PendingWebSocket::join).
    ///
    /// Without it, [`finish`](Shutdown::finish) does not know of the connection until
    /// [`WebSocket::track`](crate::WebSocket::track) is called, and may return before.
    pub fn joining(&self) -> Joining {
        Joining::new(Some(self.member()))
    }

    /// Returns the number of tracked connections that have not ended. Those in their opening handshake are
    /// among them, with [`Serve::shutdown`](crate::Serve::shutdown) and [`joining`](Shutdown::joining).
    pub fn connections(&self) -> usize {
        self.members.connections()
    }

    pub(crate) fn member(&self) -> Member {
        self.members.join(Role::Open)
    }

    /// Returns whether a member is one of this shutdown.
    pub(crate) fn has(&self, member: &Member) -> bool {
        member.is_of(&self.members)
    }

    pub(crate) fn members(&self) -> Arc<Members> {
        self.members.clone()
    }
}

impl<C: Clone> Clone for Shutdown<C> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            timer: self.timer.clone(),
        }
    }
}

debug! { [C] Shutdown<C>, this => requested: this.is_requested(), connections: this.connections() }
