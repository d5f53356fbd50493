//! A client that connects again when its connection is lost. [`Backoff`] and [`Verdict`] decide, sans-I/O;
//! [`Reconnect`] waits and connects.

mod backoff;
mod loss;
mod open;
mod verdict;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use wskit_driver::{ConnectionError, Timer, Transport, WebSocket, secure_keys};
use wskit_proto::{CloseCode, Message, Outcome, Outgoing, Utf8Bytes};

use crate::error::Error;
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;

pub use backoff::Backoff;
pub use loss::{GaveUp, Loss};
pub use open::{Attempts, Open};
pub use verdict::Verdict;
use verdict::says_why;

use open::Prepared;

/// A client that opens a connection, and a new one whenever it is lost.
///
/// Made by [`Connector::reconnect`](crate::Connector::reconnect), or by
/// [`Reconnect::new`](Reconnect::new) with a way of your own to open connections. Use it from one task:
///
/// ```no_run
/// # async fn doc<R: wskit_dial::Net>(connector: wskit_dial::Connector<R>) -> Result<(), Box<dyn std::error::Error>> {
/// use wskit_dial::reconnect::Event;
///
/// let mut feed = connector
///     .reconnect("wss://example.com/feed".try_into()?)
///     .on_open(async |ws| Ok(ws.send("subscribe").await?));
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
/// The first attempt is made at once, every other one after a delay of the [`Backoff`]. [`Verdict::of`]
/// lists what is worth another attempt.
///
/// Nothing happens while no call is awaited: a program that has nothing to send awaits
/// [`next`](Reconnect::next).
pub struct Reconnect<O: Open, C> {
    open: O,
    timer: C,
    state: State<O>,
    backoff: Backoff,
    healthy_after: Duration,
    retries: Option<u32>,
    classify: Option<Box<Classify>>,
    /// The error of a send that ended the connection, returned after the messages that came before it.
    learned: Option<ConnectionError>,
    /// Whether the caller has asked to close.
    closing: bool,
    outcome: Option<Outcome>,
}

type Classify = dyn Fn(&Loss) -> Verdict + Send + Sync;

enum State<O: Open> {
    /// An attempt is in progress, or begins with the next call.
    Opening,
    Open {
        ws: Box<WebSocket<O::Transport>>,
        since: Instant,
    },
    /// When the next attempt is due; `None` (never) if that is beyond the clock's range.
    Waiting(Option<Instant>),
    Over,
}

/// An event of [`Reconnect::next`].
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

/// How long a connection lasts, by default, before the delays begin anew.
const HEALTHY: Duration = Duration::from_secs(60);

impl<B, F, T, C> Reconnect<Attempts<B, F>, C>
where
    B: FnMut() -> F,
    F: Future<Output = Result<WebSocket<T>, Error>>,
    T: Transport,
    C: Timer,
{
    /// Makes a client that opens its connections by `open`, a closure that returns the future of a
    /// connection. It is called for each attempt, so it can fetch a token or choose another server.
    #[must_use]
    pub fn new(timer: C, open: B) -> Self {
        Self::over(timer, Attempts::new(open))
    }
}

impl<O: Open, C: Timer> Reconnect<O, C> {
    fn over(timer: C, open: O) -> Self {
        Self {
            open,
            timer,
            state: State::Opening,
            backoff: Backoff::new(),
            healthy_after: HEALTHY,
            retries: None,
            classify: None,
            learned: None,
            closing: false,
            outcome: None,
        }
    }

    /// Runs `hook` on each new connection before its messages are returned: to log in, to subscribe again.
    /// Messages that it receives are not returned by [`next`](Reconnect::next). If it returns an error,
    /// the attempt counts as failed.
    ///
    /// It has no deadline except those of the connection (keepalive). Several hooks run in the order in
    /// which they were set.
    #[must_use]
    pub fn on_open<H>(self, hook: H) -> Reconnect<impl Open<Transport = O::Transport>, C>
    where
        H: AsyncFn(&mut WebSocket<O::Transport>) -> Result<(), Error>,
    {
        let hook = Arc::new(hook);
        let prepare = move |mut ws| {
            let hook = hook.clone();
            async move {
                hook(&mut ws).await?;
                Ok(ws)
            }
        };
        let hooked = Reconnect::over(self.timer, Prepared::new(self.open, prepare));
        Reconnect {
            backoff: self.backoff,
            healthy_after: self.healthy_after,
            retries: self.retries,
            classify: self.classify,
            ..hooked
        }
    }

    /// Sets the delays between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long a connection has to last before the delays begin anew. Default: 60 s.
    ///
    /// A server that accepts clients and closes their connections soon after would otherwise see them
    /// again at once.
    #[must_use]
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy_after = time;
        self
    }

    /// Sets after how many further attempts without a connection that lasts
    /// ([`healthy_after`](Reconnect::healthy_after)) the client gives up. Default: never.
    #[must_use]
    pub fn retries(mut self, limit: u32) -> Self {
        self.retries = Some(limit);
        self
    }

    /// Sets what to do about a loss, instead of [`Verdict::of`]. Where a Close with 1000 is a reason to
    /// connect again: `classify(Verdict::never_done)`.
    ///
    /// ```no_run
    /// # fn doc<O: wskit_dial::reconnect::Open, C: wskit_driver::Timer>(feed: wskit_dial::Reconnect<O, C>) {
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
        self.classify = Some(Box::new(by));
        self
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
        loop {
            let loss = match &mut self.state {
                State::Opening => match ready!(self.open.poll_open(cx)) {
                    Ok(ws) => {
                        self.state = State::Open {
                            ws: Box::new(ws),
                            since: self.timer.now(),
                        };
                        return Poll::Ready(Ok(Some(Event::Opened)));
                    }
                    Err(error) => Loss::NotOpened(error),
                },
                State::Open { ws, .. } => match ready!(ws.poll_recv(cx)) {
                    Ok(Some(message)) => return Poll::Ready(Ok(Some(Event::Message(message)))),
                    ended => {
                        let error = ended.err().or_else(|| self.learned.take());
                        let told = ws.outcome().filter(says_why);
                        match (told, error, ws.outcome()) {
                            (Some(outcome), _, _) | (None, None, Some(outcome)) => {
                                Loss::Closed(outcome)
                            }
                            (None, Some(error), _) => Loss::Broken(error.into()),
                            (None, None, None) => Loss::Broken(
                                ConnectionError::Disconnected { mid_message: false }.into(),
                            ),
                        }
                    }
                },
                State::Waiting(until) => {
                    let Some(until) = *until else {
                        return Poll::Pending;
                    };
                    match ready!(self.timer.poll_until(cx, until)) {
                        Ok(()) => {
                            self.state = State::Opening;
                            continue;
                        }
                        Err(error) => Loss::NotOpened(ConnectionError::NoTimer(error).into()),
                    }
                }
                State::Over => return Poll::Ready(Ok(None)),
            };
            return Poll::Ready(self.lose(loss));
        }
    }

    /// Sends on the connection that is open now; see [`WebSocket::send`].
    ///
    /// Nothing is kept for the next connection: a message may not fit it, and only the application knows.
    ///
    /// # Errors
    /// [`Error::NotConnected`] while no connection is open, and if it ends before the message is written
    /// (which may have arrived or not); [`next`](Reconnect::next) returns why. [`Error::Connection`] with what
    /// [`WebSocket::send`] returns.
    ///
    /// # Cancel safety
    /// That of [`WebSocket::send`].
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let State::Open { ws, .. } = &mut self.state else {
            return Err(Error::NotConnected);
        };
        match ws.send(message).await {
            Err(error) if ws.state() != wskit_proto::State::Open && !error.is_closed() => {
                self.learned = Some(error);
                Err(Error::NotConnected)
            }
            Err(error) if error.is_closed() => Err(Error::NotConnected),
            sent => Ok(sent?),
        }
    }

    /// Closes the connection as [`WebSocket::close`] does, if there is one, and opens no other.
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
        if let State::Open { ws, .. } = &mut self.state {
            ws.start_close(code, reason)?;
            self.closing = true;
            self.outcome = Some(ws.close(code, "").await?);
        }
        self.open.cancel();
        self.state = State::Over;
        Ok(self.outcome.clone())
    }

    /// Returns the connection, if one is open: to feed, to ping, for the sub-protocol or the round-trip time.
    pub fn connection(&mut self) -> Option<&mut WebSocket<O::Transport>> {
        match &mut self.state {
            State::Open { ws, .. } => Some(ws),
            _ => None,
        }
    }

    /// Returns how the last connection ended, if it ended by the closing handshake.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn lose(&mut self, loss: Loss) -> Result<Option<Event>, GaveUp> {
        let now = self.timer.now();
        let before = std::mem::replace(&mut self.state, State::Over);
        if let State::Open { since, .. } = before {
            if now.saturating_duration_since(since) >= self.healthy_after {
                self.backoff.reset();
            }
        }
        self.learned = None;
        self.outcome = match &loss {
            Loss::Closed(outcome) => Some(outcome.clone()),
            _ => None,
        };
        if self.closing {
            return Ok(None);
        }
        let verdict = match &self.classify {
            Some(classify) => classify(&loss),
            None => Verdict::of(&loss),
        };
        let least = match verdict {
            Verdict::Retry => Duration::ZERO,
            Verdict::RetryAfter(time) => time,
            Verdict::Done => return Ok(None),
            Verdict::GiveUp => {
                let exhausted = false;
                return Err(GaveUp { loss, exhausted });
            }
        };
        if self
            .retries
            .is_some_and(|limit| self.backoff.given() >= limit)
        {
            let exhausted = true;
            return Err(GaveUp { loss, exhausted });
        }
        // RFC 6455 §7.2.3: never at once.
        let retry_in = self.backoff.next_delay(random()).max(least);
        self.state = State::Waiting(now.checked_add(retry_in));
        trace_loss(&loss, retry_in, self.backoff.given());
        Ok(Some(Event::Lost { loss, retry_in }))
    }
}

/// Returns 64 random bits, for delays.
fn random() -> u64 {
    let keys = secure_keys();
    let [high, low] = [(); 2].map(|()| u32::from_ne_bytes(keys.next_key()));
    u64::from(high) << 32 | u64::from(low)
}

/// Records a loss. The reason in a Close is left out: it is the peer's text and may hold anything.
#[allow(unused_variables, reason = "unused without the feature `tracing`")]
fn trace_loss(loss: &Loss, retry_in: Duration, attempt: u32) {
    #[cfg(feature = "tracing")]
    match loss {
        Loss::Closed(outcome) => {
            let code = outcome.code().get();
            tracing::info!(target: TARGET, code, ?retry_in, attempt, "connection lost, will try again");
        }
        Loss::NotOpened(error) | Loss::Broken(error) => {
            tracing::info!(target: TARGET, %error, ?retry_in, attempt, "connection lost, will try again");
        }
    }
}

impl<O: Open, C> fmt::Debug for Reconnect<O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Opening => "opening",
            State::Open { .. } => "open",
            State::Waiting(_) => "waiting",
            State::Over => "over",
        };
        f.debug_struct("Reconnect")
            .field("state", &state)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}
