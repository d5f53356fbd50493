//! The state machine of a [`Reconnect`]: it opens, prepares, receives, and waits between attempts.

use std::mem;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use wskit_driver::{
    ConnectionError, Reader, Runtime, Timer, Transport, WebSocket, Writer, secure_keys,
};
use wskit_proto::{Cause, CloseCode, CloseFrame, Initiator, Message, Outcome, State as Phase};

use super::on_open::{Failed, Preparation};
use super::policy::Next;
use super::verdict::says_why;
use super::{Event, GaveUp, Loss, Opened, Reconnect};
use crate::error::Error;
use crate::net::Net;
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;

pub(super) enum State<T: Transport, C> {
    /// An attempt is in progress, or begins with the next call.
    Opening,
    /// The hooks run on a new connection.
    Preparing(Preparation<T, C>),
    /// The hooks have failed. What the peer has sent is read, because it may have said why.
    Failing {
        ws: Box<WebSocket<T>>,
        error: Error,
        /// How many messages were read.
        read: usize,
    },
    Open {
        link: Link<T>,
        since: Instant,
        /// Whether [`Event::Opened`] was returned. A connection that was closed while it was being
        /// prepared never is, unless a message came before its end.
        announced: bool,
        /// The message before which it is announced.
        held: Option<Message>,
    },
    /// When the next attempt is due; `None` (never) if that is beyond the clock's range.
    Waiting(Option<Instant>),
    Over,
}

/// An open connection.
pub(super) enum Link<T: Transport> {
    Whole(Box<WebSocket<T>>),
    /// Handles have its writer.
    Split(Box<Reader<T>>),
}

/// How many messages are read after hooks have failed, if the peer does not close.
const LAST_WORDS: usize = 64;

impl<T: Transport, C> State<T, C> {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Preparing(_) | Self::Failing { .. } => "preparing",
            Self::Open { .. } => "open",
            Self::Waiting(_) => "waiting",
            Self::Over => "over",
        }
    }
}

impl<T: Transport> Link<T> {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        match self {
            Self::Whole(ws) => ws.poll_recv(cx),
            Self::Split(reader) => reader.poll_recv(cx),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Whole(ws) => ws.outcome(),
            Self::Split(reader) => reader.outcome(),
        }
    }
}

impl<R: Net + Runtime<S>, S> Reconnect<R, S> {
    pub(super) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Event>, GaveUp>> {
        loop {
            let loss = match &mut self.state {
                State::Opening => match ready!(self.open.poll_open(cx)) {
                    Ok(ws) => {
                        let configured = ws.config().get_handshake_timeout();
                        let limit = self.hook_timeout.unwrap_or(configured);
                        let timer = self.timer.clone();
                        self.state = State::Preparing(Preparation::new(Box::new(ws), timer, limit));
                        continue;
                    }
                    Err(error) => Loss::NotOpened(error),
                },
                State::Preparing(preparation) => {
                    match ready!(preparation.poll(&mut self.hooks, cx)) {
                        Ok(ws) => {
                            let announced = ws.state() == Phase::Open;
                            self.state = State::Open {
                                link: Link::Whole(ws),
                                since: self.timer.now(),
                                announced,
                                held: None,
                            };
                            if announced {
                                return Poll::Ready(Ok(Some(Event::Opened)));
                            }
                            continue;
                        }
                        Err(Failed {
                            ws: Some(ws),
                            error,
                        }) => {
                            let read = 0;
                            self.state = State::Failing { ws, error, read };
                            continue;
                        }
                        Err(Failed { ws: None, error }) => Loss::NotOpened(error),
                    }
                }
                State::Failing { ws, error, read } => {
                    let mut broken = None;
                    match ws.poll_recv(cx) {
                        Poll::Ready(Ok(Some(_)))
                            if *read < LAST_WORDS || ws.state() != Phase::Open =>
                        {
                            *read += 1;
                            continue;
                        }
                        Poll::Pending if ws.state() != Phase::Open => return Poll::Pending,
                        Poll::Ready(Err(error)) => broken = Some(error),
                        _ => {}
                    }
                    let error = mem::replace(error, Error::NotConnected);
                    not_prepared(ws.outcome(), broken, error)
                }
                State::Open {
                    link,
                    announced,
                    held,
                    ..
                } => {
                    if let Some(message) = held.take() {
                        return Poll::Ready(Ok(Some(Event::Message(message))));
                    }
                    match ready!(link.poll_recv(cx)) {
                        Ok(Some(message)) if *announced => {
                            return Poll::Ready(Ok(Some(Event::Message(message))));
                        }
                        Ok(Some(message)) => {
                            *announced = true;
                            *held = Some(message);
                            return Poll::Ready(Ok(Some(Event::Opened)));
                        }
                        ended => {
                            let error = ended.err().or_else(|| self.learned.take());
                            ended_by(link.outcome(), error)
                        }
                    }
                }
                State::Waiting(until) => {
                    let Some(until) = *until else {
                        return Poll::Pending;
                    };
                    match ready!(self.timer.poll_until(cx, until)) {
                        Ok(()) => {
                            self.state = State::Opening;
                            continue;
                        }
                        // Without a timer there is no delay before the next attempt, so there is none.
                        Err(error) => {
                            self.state = State::Over;
                            return Poll::Ready(Err(GaveUp {
                                loss: Loss::NotOpened(ConnectionError::NoTimer(error).into()),
                                exhausted: false,
                            }));
                        }
                    }
                }
                State::Over => return Poll::Ready(Ok(None)),
            };
            return Poll::Ready(self.lose(loss));
        }
    }

    fn lose(&mut self, loss: Loss) -> Result<Option<Event>, GaveUp> {
        let now = self.timer.now();
        let (lasted, outcome) = match mem::replace(&mut self.state, State::Over) {
            State::Open { since, link, .. } => {
                (Some(now.saturating_duration_since(since)), link.outcome())
            }
            _ => (None, None),
        };
        self.learned = None;
        self.outcome = match &loss {
            // However it ended, the connection that was to be closed has ended.
            _ if self.closing => outcome,
            Loss::Closed(outcome) => Some(outcome.clone()),
            _ => None,
        };
        if self.closing {
            return Ok(None);
        }
        match self.policy.decide(&loss, lasted, random()) {
            Next::Attempt { delay: retry_in } => {
                self.state = State::Waiting(now.checked_add(retry_in));
                trace_loss(&loss, retry_in, self.policy.backoff.given());
                Ok(Some(Event::Lost { loss, retry_in }))
            }
            Next::GiveUp { exhausted } => Err(GaveUp { loss, exhausted }),
            Next::Done => Ok(None),
        }
    }

    /// Ends without a connection to close, unless it has ended already.
    pub(super) fn stop_unconnected(&mut self) {
        if !matches!(self.state, State::Over) {
            self.outcome = None;
        }
        self.stop();
    }

    /// Drops what is open, or is being opened, and opens nothing more.
    pub(super) fn stop(&mut self) {
        self.open.cancel();
        self.state = State::Over;
    }

    /// Splits the connection that has just been opened, and returns its writer.
    pub(super) fn split(&mut self) -> Option<Writer<Opened<R, S>>>
    where
        R: Runtime<S, Transport: 'static>,
    {
        let mut writer = None;
        self.state = match mem::replace(&mut self.state, State::Over) {
            State::Open {
                link: Link::Whole(ws),
                since,
                announced,
                held,
            } => {
                let (reader, sender) = ws.split();
                writer = Some(sender);
                State::Open {
                    link: Link::Split(Box::new(reader)),
                    since,
                    announced,
                    held,
                }
            }
            other => other,
        };
        writer
    }

    /// Begins to close a connection that was split.
    pub(super) fn start_close(&mut self, close: &CloseFrame) {
        if let State::Open {
            link: Link::Split(reader),
            ..
        } = &self.state
        {
            // A Close that was checked is refused only by a connection that is closing already.
            let _ = reader
                .writer()
                .start_close(close.code, close.reason.clone());
        }
    }

    /// Closes for good: no further connection is opened, and the end of this one is the end.
    pub(super) fn start_last_close(&mut self, close: &CloseFrame) {
        self.closing = true;
        match &self.state {
            State::Open { .. } => self.start_close(close),
            _ => self.stop_unconnected(),
        }
    }
}

/// Returns how a connection was lost. `error` is what a receive, or a send before it, has returned.
fn ended_by(outcome: Option<Outcome>, error: Option<ConnectionError>) -> Loss {
    match (outcome, error) {
        (Some(outcome), _) if says_why(&outcome) => Loss::Closed(outcome),
        (_, Some(error)) => Loss::Broken(error.into()),
        (Some(outcome), None) => Loss::Closed(outcome),
        (None, None) => Loss::Broken(ConnectionError::Disconnected { mid_message: false }.into()),
    }
}

/// Returns why a connection could not be prepared, on which a hook has returned `error`. A Close of the
/// peer's own with something to say counts more, and so does a broken rule. A connection that only broke
/// leaves the hook's error, whether it broke before or after the hook had returned.
fn not_prepared(outcome: Option<Outcome>, broken: Option<ConnectionError>, error: Error) -> Loss {
    let says_nothing = [CloseCode::NORMAL, CloseCode::NO_STATUS];
    match (outcome, broken) {
        (Some(outcome), _) if outcome.is_clean() || says_why(&outcome) => {
            let is_ours = outcome.initiator == Some(Initiator::Local);
            if is_ours || says_nothing.contains(&outcome.code()) {
                Loss::NotOpened(error)
            } else {
                Loss::Closed(outcome)
            }
        }
        (_, Some(broken)) if !is_break(&broken) || error.is_closed() => {
            Loss::NotOpened(broken.into())
        }
        // What the hook has swallowed. It may have passed it on as well.
        (Some(outcome), None)
            if matches!(outcome.cause, Cause::Protocol(_))
                && !matches!(error, Error::Connection(_)) =>
        {
            Loss::Closed(outcome)
        }
        _ => Loss::NotOpened(error),
    }
}

/// Returns whether a connection ended without a word of the peer about why.
fn is_break(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::Disconnected { .. } | ConnectionError::Timeout(_) | ConnectionError::Io(_)
    )
}

/// Returns 64 random bits, for delays.
fn random() -> u64 {
    let keys = secure_keys();
    let [high, low] = [(); 2].map(|()| u32::from_ne_bytes(keys.next_key()));
    u64::from(high) << 32 | u64::from(low)
}

/// Records a loss. The reason in a Close is left out, and so is what an answer holds that is not the expected
/// JSON: it is the peer's text and may hold anything.
#[allow(unused_variables, reason = "unused without the feature `tracing`")]
fn trace_loss(loss: &Loss, retry_in: Duration, attempt: u32) {
    #[cfg(feature = "tracing")]
    match loss {
        Loss::Closed(outcome) => {
            let code = outcome.code().get();
            tracing::info!(target: TARGET, code, ?retry_in, attempt, "connection lost, will try again");
        }
        #[cfg(feature = "json")]
        Loss::NotOpened(Error::Connection(ConnectionError::Json(error)))
        | Loss::Broken(Error::Connection(ConnectionError::Json(error))) => {
            let error = error.redacted();
            tracing::info!(target: TARGET, %error, ?retry_in, attempt, "connection lost, will try again");
        }
        Loss::NotOpened(error) | Loss::Broken(error) => {
            tracing::info!(target: TARGET, %error, ?retry_in, attempt, "connection lost, will try again");
        }
    }
}
