//! A client that connects again when its connection is lost. [`Backoff`] and [`Verdict`] decide, sans-I/O;
//! [`Reconnect`] waits and connects.

mod backoff;
mod driver;
mod events;
mod handle;
mod loss;
mod on_open;
mod open;
mod policy;
mod run;
#[cfg(not(loom))]
mod shared;
#[cfg(loom)]
pub(crate) mod shared;
mod verdict;

use std::fmt;
use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::time::Duration;

use wskit_driver::{ConnectionError, Overflow, Runtime, Spawn, Transport, WebSocket};
use wskit_proto::{CloseCode, Message, Outcome, Outgoing, Utf8Bytes};

use crate::error::Error;
use crate::net::Net;
use crate::sync::Arc;

pub use backoff::Backoff;
pub use events::Events;
pub use handle::{Ended, Handle};
pub use loss::{GaveUp, Loss};
pub use on_open::{OnOpen, OnOpenError};
pub use open::Open;
pub use verdict::Verdict;

use driver::Driver;
use on_open::Hook;
use open::Attempts;
use policy::Policy;
use run::{Link, State};
use shared::Shared;

/// A client that opens a connection, and a new one whenever it is lost.
///
/// Made by [`Connector::reconnect`](crate::Connector::reconnect), or by
/// [`Reconnect::new`](Reconnect::new) with a way of your own to open connections. `R` is the runtime and
/// `S` the stream of its connections. It can be kept in a struct, returned from a function and spawned.
///
/// One task can use it directly:
///
/// ```no_run
/// # async fn doc<R: wskit_dial::Net>(connector: wskit_dial::Connector<R>) -> Result<(), Box<dyn std::error::Error>> {
/// use wskit_dial::reconnect::Event;
///
/// let mut feed = connector
///     .reconnect("wss://example.com/feed".try_into()?)
///     .on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) });
/// while let Some(event) = feed.next().await? {
///     match event {
///         Event::Opened => println!("connected"),
///         Event::Message(message) => println!("{:?}", message.as_text()),
///         Event::Lost { loss, retry_in } => println!("{loss}; next attempt in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
///
/// For many tasks, or if messages are handled slowly, let it run in a task of its own:
/// [`spawn`](Reconnect::spawn).
///
/// The first attempt is made at once, every other one after a delay of the [`Backoff`]. [`Verdict::of`]
/// lists what is worth another attempt.
///
/// Without `spawn` nothing happens while no call is awaited: a program that has nothing to send awaits
/// [`next`](Reconnect::next).
pub struct Reconnect<R: Net + Runtime<S>, S = <R as Net>::Stream> {
    open: Box<dyn Open<Transport = Opened<R, S>> + Send>,
    hooks: Vec<Hook<Opened<R, S>>>,
    hook_timeout: Option<Duration>,
    timer: R::Timer,
    state: State<Opened<R, S>, R::Timer>,
    policy: Policy,
    /// The error of a send that ended the connection, returned after the messages that came before it.
    learned: Option<ConnectionError>,
    /// Whether the caller has asked to close.
    closing: bool,
    outcome: Option<Outcome>,
}

/// The transport of a client on the runtime `R`, over streams of type `S`.
type Opened<R, S> = <R as Runtime<S>>::Transport;

/// An event of [`Reconnect::next`] and [`Events::next`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A connection is open, and [`on_open`](Reconnect::on_open) has run on it.
    Opened,
    /// A message was received.
    Message(Message),
    /// There is no connection, and there will be another attempt. Messages that the peer had not sent are
    /// lost, and so may be the last ones that were sent to it.
    Lost {
        /// Why.
        loss: Loss,
        /// The time until the next attempt.
        retry_in: Duration,
    },
}

impl<R: Net + Runtime<S>, S> Reconnect<R, S> {
    /// Makes a client that opens its connections by `open`, a closure that returns the future of a
    /// connection. It is called for each attempt, so it can fetch a token or choose another server.
    ///
    /// Its own errors become an [`Error`] by [`Error::other`].
    #[must_use]
    pub fn new<B, F>(open: B) -> Self
    where
        B: FnMut() -> F + Send + 'static,
        F: Future<Output = Result<WebSocket<<R as Runtime<S>>::Transport>, Error>> + Send + 'static,
        R: Runtime<S, Transport: 'static>,
    {
        Self::over(Attempts::new(open))
    }

    /// Makes a client that opens its connections by an [`Open`] of your own.
    #[must_use]
    pub fn over(
        open: impl Open<Transport = <R as Runtime<S>>::Transport> + Send + 'static,
    ) -> Self {
        Self {
            open: Box::new(open),
            hooks: Vec::new(),
            hook_timeout: None,
            timer: R::Timer::default(),
            state: State::Opening,
            policy: Policy::new(),
            learned: None,
            closing: false,
            outcome: None,
        }
    }

    /// Runs `hook` on each new connection before its messages are returned: to log in, to subscribe again.
    /// Messages that it receives are not returned by [`next`](Reconnect::next).
    ///
    /// The connection is lent to the hook as an [`OnOpen`], which dereferences to the [`WebSocket`] and
    /// must be dropped at the end of the hook. `?` takes any error.
    ///
    /// If the hook returns an error, or takes longer than [`on_open_timeout`](Reconnect::on_open_timeout),
    /// the attempt counts as failed: the connection is dropped, and the loss is [`Loss::NotOpened`] with
    /// that error. If the server has closed the connection meanwhile, or broken a rule, that counts, whatever
    /// the hook returned: a server that closes with 1008 (policy violation) in answer to a login is not asked
    /// again. A Close with 1000 or without a code says nothing, and neither does a connection that only broke:
    /// the error of the hook counts.
    ///
    /// Several hooks run in the order in which they were set.
    ///
    /// ```no_run
    /// # #[derive(Debug)] struct LoginRefused;
    /// # impl std::fmt::Display for LoginRefused {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("refused") }
    /// # }
    /// # impl std::error::Error for LoginRefused {}
    /// # fn doc<R: wskit_dial::Net>(feed: wskit_dial::Reconnect<R>) {
    /// use wskit_dial::reconnect::Verdict;
    ///
    /// let feed = feed
    ///     .on_open(|mut ws| async move {
    ///         ws.send("log in").await?;
    ///         match ws.recv().await? {
    ///             Some(answer) if answer.as_text() == Some("welcome") => Ok(()),
    ///             _ => Err(LoginRefused.into()),
    ///         }
    ///     })
    ///     .classify(|loss| match loss.other::<LoginRefused>() {
    ///         Some(_) => Verdict::GiveUp,
    ///         None => Verdict::of(loss),
    ///     });
    /// # }
    /// ```
    #[must_use]
    pub fn on_open<H, F>(mut self, mut hook: H) -> Self
    where
        H: FnMut(OnOpen<<R as Runtime<S>>::Transport>) -> F + Send + 'static,
        F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        self.hooks.push(Box::new(move |ws| Box::pin(hook(ws))));
        self
    }

    /// Sets how long the hooks of [`on_open`](Reconnect::on_open) may take on a connection, all together.
    /// Default: the connection's `Config::handshake_timeout`.
    #[must_use]
    pub fn on_open_timeout(mut self, limit: Duration) -> Self {
        self.hook_timeout = Some(limit);
        self
    }

    /// Sets the delays between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = backoff;
        self
    }

    /// Sets how long a connection has to last before the delays begin anew. Default: 60 s.
    ///
    /// A server that accepts clients and closes their connections soon after would otherwise see them
    /// again at once.
    #[must_use]
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.policy.healthy_after = time;
        self
    }

    /// Sets after how many further attempts without a connection that lasts
    /// ([`healthy_after`](Reconnect::healthy_after)) the client gives up. Default: never.
    #[must_use]
    pub fn retries(mut self, limit: u32) -> Self {
        self.policy.retries = Some(limit);
        self
    }

    /// Sets what to do about a loss, instead of [`Verdict::of`]. Where a Close with 1000 is a reason to
    /// connect again: `classify(Verdict::never_done)`.
    ///
    /// ```no_run
    /// # fn doc<R: wskit_dial::Net>(feed: wskit_dial::Reconnect<R>) {
    /// use wskit_dial::reconnect::{Loss, Verdict};
    ///
    /// let feed = feed.classify(|loss| match loss {
    ///     Loss::Closed(outcome) if outcome.code().get() == 4001 => Verdict::GiveUp, // "logged in elsewhere"
    ///     other => Verdict::of(other),
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn classify(mut self, by: impl Fn(&Loss) -> Verdict + Send + Sync + 'static) -> Self {
        self.policy.classify = Some(Box::new(by));
        self
    }

    /// Runs the client in a task of its own, and returns its events and a handle to send by.
    ///
    /// It reads, answers pings and reconnects whether or not the events are being taken. `bound` is how
    /// many messages may wait in [`Events`], at least 1, and `overflow` what happens to those for which
    /// there is no room:
    ///
    /// | `overflow` | when `bound` messages wait |
    /// |---|---|
    /// | [`Wait`](Overflow::Wait) | the client stops reading until one is taken. **Meanwhile it answers no ping and notices no loss**, and a server with a keepalive ends the connection if that takes too long. No message is dropped |
    /// | [`DropOldest`](Overflow::DropOldest) | the oldest message is dropped |
    /// | [`LatestOnly`](Overflow::LatestOnly) | a message replaces all that wait, even if there is room |
    /// | [`Disconnect`](Overflow::Disconnect) | all that wait are dropped, the connection is closed with 1013, and another one is opened after the next delay, whatever the server answers: for feeds that begin with a snapshot |
    ///
    /// [`Events::dropped`] counts what was dropped. Only messages ever are: each `Opened`, each `Lost` and
    /// the end are always reported. To bound them too, no further attempt is made while 64 of them wait.
    ///
    /// ```no_run
    /// # async fn doc<R: wskit_dial::Net + wskit_driver::Spawn>(connector: wskit_dial::Connector<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// use wskit_dial::reconnect::Event;
    /// use wskit_driver::Overflow;
    ///
    /// let feed = connector.reconnect("wss://example.com/feed".try_into()?);
    /// let (mut events, handle) = feed.spawn(1000, Overflow::DropOldest);
    /// handle.wait_connected().await?;
    /// handle.send("hello").await?;
    /// while let Some(event) = events.next().await? {
    ///     if let Event::Message(message) = event {
    ///         println!("{:?}", message.as_text()); // may take its time
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Dropping
    /// Dropping [`Events`] ends the client: an open connection is closed with 1001 and no other is opened.
    /// Dropping handles does nothing.
    #[must_use = "the client ends when its events are dropped"]
    pub fn spawn(self, bound: usize, overflow: Overflow) -> (Events, Handle<Opened<R, S>>)
    where
        R: Spawn
            + Runtime<S, Transport: Transport<Read: Send, Write: Send, Timer: Send> + Send + 'static>,
        S: 'static,
    {
        let (events, handle, run) = self.into_parts(bound, overflow);
        R::spawn(run);
        (events, handle)
    }

    /// Does what [`spawn`](Reconnect::spawn) does, but returns the future of the task: to run it in another
    /// way, or on a runtime that has no tasks. It is ready when the client has ended.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection and ends the client: [`Events::next`] returns what waits
    /// and then `None`, and every call of a handle returns an error.
    #[must_use = "nothing happens unless the future is polled"]
    pub fn into_parts(
        self,
        bound: usize,
        overflow: Overflow,
    ) -> (
        Events,
        Handle<Opened<R, S>>,
        impl Future<Output = ()> + Send + 'static + use<R, S>,
    )
    where
        R: Runtime<S, Transport: Transport<Read: Send, Write: Send, Timer: Send> + Send + 'static>,
        S: 'static,
    {
        let shared = Arc::new(Shared::new(bound, overflow));
        let events = Events::new(shared.clone());
        let handle = Handle::new(shared.clone());
        let mut driver = Driver::new(self, shared);
        (events, handle, poll_fn(move |cx| driver.poll(cx)))
    }

    /// Opens connections, waits between attempts and receives messages; returns the next event. `None`
    /// after [`close`](Reconnect::close), and after the peer has closed with 1000.
    ///
    /// # Errors
    /// [`GaveUp`], once; then `None`.
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped, and an attempt that has begun goes on with
    /// the next call.
    #[allow(
        clippy::should_implement_trait,
        reason = "named as in `StreamExt`, whose `next` it would be"
    )]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Event>, GaveUp>> {
        poll_fn(move |cx| self.poll_next(cx))
    }

    /// The poll function behind [`next`](Reconnect::next).
    ///
    /// # Errors
    /// [`GaveUp`], once; then `None`.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, GaveUp>> {
        self.poll_event(cx)
    }

    /// Sends on the connection that is open now; see [`WebSocket::send`].
    ///
    /// Nothing is kept for the next connection: a message may not fit it, and only the application knows.
    ///
    /// # Errors
    /// [`Error::NotConnected`] while no connection is open, and if it ends before the message is written
    /// (which may have arrived or not); [`next`](Reconnect::next) returns why. [`Error::Ended`] instead if
    /// there will be no other connection. [`Error::Connection`] with what [`WebSocket::send`] returns.
    ///
    /// # Cancel safety
    /// That of [`WebSocket::send`].
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let State::Open {
            link: Link::Whole(ws),
            ..
        } = &mut self.state
        else {
            return Err(self.unconnected());
        };
        match ws.send(message).await {
            Err(error) if ws.state() != wskit_proto::State::Open && !error.is_closed() => {
                self.learned = Some(error);
                Err(self.unconnected())
            }
            Err(error) if error.is_closed() => Err(self.unconnected()),
            sent => Ok(sent?),
        }
    }

    /// Sends a value as JSON, in a text message, as [`send`](Reconnect::send) does.
    ///
    /// # Errors
    /// [`ConnectionError::Json`], in [`Error::Connection`], if the value has no JSON form, whether or not a
    /// connection is open. All others are those of [`send`](Reconnect::send).
    ///
    /// # Cancel safety
    /// That of [`WebSocket::send`].
    #[cfg(feature = "json")]
    pub async fn send_json<V: serde::Serialize + ?Sized>(
        &mut self,
        value: &V,
    ) -> Result<(), Error> {
        // Not inside the call: the value need not be `Sync` for the future to be `Send`.
        let message = Outgoing::json(value)?;
        self.send(message).await
    }

    /// Returns why nothing can be sent.
    fn unconnected(&self) -> Error {
        if self.closing || matches!(self.state, State::Over) {
            Error::Ended
        } else {
            Error::NotConnected
        }
    }

    /// Closes the connection as [`WebSocket::close`] does, if there is one, and opens no other. Returns how that
    /// connection ended; `None` if none was open.
    ///
    /// # Errors
    /// Those of [`WebSocket::close`]. The connection stays open.
    ///
    /// # Cancel safety
    /// Safe: the first poll begins the close. Calling it again, or [`next`](Reconnect::next), continues it.
    pub async fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<Outcome>, Error> {
        if let State::Open {
            link: Link::Whole(ws),
            ..
        } = &mut self.state
        {
            ws.start_close(code, reason)?;
            self.closing = true;
            self.outcome = Some(ws.close(code, "").await?);
            self.stop();
        } else {
            self.stop_unconnected();
        }
        Ok(self.outcome.clone())
    }

    /// Returns the connection, if one is open: to feed, to ping, for the sub-protocol or the round-trip time.
    pub fn connection(&mut self) -> Option<&mut WebSocket<Opened<R, S>>> {
        match &mut self.state {
            State::Open {
                link: Link::Whole(ws),
                ..
            } => Some(ws),
            _ => None,
        }
    }

    /// Returns how the last connection ended, if it ended by the closing handshake or was being closed by
    /// [`close`](Reconnect::close). `None` after a `close` without a connection.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
}

impl<R: Net + Runtime<S>, S> fmt::Debug for Reconnect<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("state", &self.state.name())
            .field("backoff", &self.policy.backoff)
            .finish_non_exhaustive()
    }
}
