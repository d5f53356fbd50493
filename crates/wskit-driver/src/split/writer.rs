use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_sink::Sink;
use wskit_proto::{
    CloseCode, CloseFrame, Message, Outcome, Outgoing, SendError, State, TimeoutKind, Utf8Bytes,
};

use super::flushing::{Flushing, Target};
use super::shared::{Place, Shared};
use super::tx::Tx;
use crate::error::Error;
use crate::sync::Arc;
use crate::transport::{Timer, Transport};

/// A sending half of a split connection. Clone it for every task that sends.
///
/// Messages of all writers share one bounded queue and leave whole, in the order in which they were
/// queued; those who wait for room are let in in the order in which they came.
///
/// What is fed leaves with the next `flush` or `send` of any writer, when the queue is over its mark,
/// and whenever the [`Reader`](crate::Reader) is about to wait.
///
/// # Dropping
/// Dropping a writer changes nothing for the others; dropping the last one neither flushes nor
/// closes: the reader goes on, and [`Reader::writer`](crate::Reader::writer) makes a new one.
pub struct Writer<T: Transport> {
    pub(super) shared: Arc<Shared<T>>,
    /// What a [`Sink::poll_flush`] in progress waits for.
    flushing: Option<Target>,
}

impl<T: Transport> Writer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            flushing: None,
        }
    }

    /// Queues a message and writes everything queued up to it.
    ///
    /// # Errors
    /// [`SendError`] when the message cannot be sent, [`Error::Io`] when the transport failed.
    ///
    /// # Cancel safety
    /// A dropped `send` has queued its message wholly or not at all, and what is queued leaves with
    /// the next call, or at once if the reader is waiting. To know which, use
    /// [`reserve`](Writer::reserve).
    pub async fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, waiting for room and for those who came before.
    ///
    /// # Errors
    /// As [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// As [`send`](Writer::send); the place in the line is lost.
    pub async fn feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        let mut place = Place::new(&self.shared);
        poll_fn(move |cx| {
            self.shared
                .poll_enter(cx, &mut place, |tx| match message.take() {
                    Some(message) => tx.feed(message),
                    None => Ok(()),
                })
        })
        .await
    }

    /// Queues a message if there is room now and nobody waits.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] if not, [`SendError::MessageOpen`] while another writer sends a message
    /// in pieces; else as [`send`](Writer::send).
    pub fn try_feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let message = message.into();
        self.shared.with_tx(|tx| tx.try_feed(message))
    }

    /// Waits until a message can be queued, then lets it be queued for certain. An unused permit
    /// counts as 4 KiB of queue.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is queued before [`WritePermit::send`].
    pub async fn reserve(&self) -> Result<WritePermit<'_, T>, Error> {
        let mut place = Place::new(&self.shared);
        poll_fn(move |cx| self.shared.poll_enter(cx, &mut place, Tx::take_permit)).await?;
        Ok(WritePermit {
            shared: &self.shared,
        })
    }

    /// Writes everything that is queued now, by whomever.
    ///
    /// # Errors
    /// As [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut flushing = Flushing::new(&self.shared);
        poll_fn(move |cx| flushing.poll(cx)).await
    }

    /// Sends a ping of the application's own, with up to 125 bytes.
    ///
    /// # Errors
    /// As [`send`](Writer::send), and [`SendError::ControlTooLong`].
    ///
    /// # Cancel safety
    /// As [`send`](Writer::send).
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.shared
            .with_tx(|tx| tx.control(|outbox| outbox.ping(payload)))?;
        self.flush().await
    }

    /// Closes: queues a Close after everything queued, and waits for the end of the connection. The
    /// reader's task must be receiving meanwhile (it gets what the peer still sends); if the reader
    /// was dropped, this reads in its place. Ends by `Config::close_timeout` in any case.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] or [`SendError::ReasonTooLong`]. Anything else that goes wrong
    /// is in the [`Outcome`].
    ///
    /// # Cancel safety
    /// Safe: the Close is queued by the first poll.
    pub async fn close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Outcome, Error> {
        let close = CloseFrame::new(code, reason);
        self.shared.with_tx(|tx| tx.close(close))?;
        let mut timer = self.shared.timer();
        // A limit beyond the clock's range is none.
        let deadline = timer.now().checked_add(self.shared.close_timeout());
        poll_fn(move |cx| {
            if let Poll::Ready(outcome) = self.shared.poll_end(cx) {
                return Poll::Ready(Ok(outcome));
            }
            let Some(deadline) = deadline else {
                return Poll::Pending;
            };
            match timer.poll_until(cx, deadline) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(Error::NoTimer(error))),
                Poll::Ready(Ok(())) => {
                    self.shared
                        .with_tx(|tx| tx.outbox.time_out(TimeoutKind::Close));
                    self.shared.poll_end(cx).map(Ok)
                }
            }
        })
        .await
    }

    /// Queues a Close and returns; the reader completes the closing handshake.
    ///
    /// # Errors
    /// As [`close`](Writer::close).
    pub fn start_close(&self, code: CloseCode, reason: impl Into<Utf8Bytes>) -> Result<(), Error> {
        let close = CloseFrame::new(code, reason);
        Ok(self.shared.with_tx(|tx| tx.close(close))?)
    }

    /// The latest round trip of a keepalive ping; see [`Reader::round_trip`](crate::Reader::round_trip).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
    }

    /// Bytes encoded and not yet written; what waits in lanes is in [`buffered`](Writer::buffered).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.with_tx(|tx| tx.outbox.queued())
    }

    /// Open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// How the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.outcome()
    }

    /// The sub-protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol()
    }
}

impl<T: Transport> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<T: Transport> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Nothing in it is pinned.
impl<T: Transport> Unpin for Writer<T> {}

/// As on [`WebSocket`](crate::WebSocket); `poll_close` performs the closing handshake with code 1000.
/// `start_send` fails with [`SendError::MessageOpen`] if another writer has begun a message in pieces
/// since `poll_ready`.
impl<T: Transport> Sink<Message> for Writer<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Without a place in the line: a sink has no way to give it up again.
        self.shared.poll_room(cx, false)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.shared.with_tx(|tx| tx.feed(message.into()))?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let target = match self.flushing {
            Some(target) => target,
            None => self.shared.flush_target(),
        };
        self.flushing = Some(target);
        let polled = ready!(self.shared.poll_flush(cx, target));
        self.flushing = None;
        Poll::Ready(polled)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared
            .with_tx(|tx| tx.close(CloseFrame::new(CloseCode::NORMAL, "")))?;
        self.shared.poll_end(cx).map(|_| Ok(()))
    }
}

/// The right to queue one message, from [`Writer::reserve`].
#[must_use = "a permit that is dropped sends nothing"]
pub struct WritePermit<'a, T: Transport> {
    shared: &'a Shared<T>,
}

impl<T: Transport> WritePermit<'_, T> {
    /// Queues the message. It leaves with the next flush or send, or before the reader waits. If the
    /// connection has ended since, the message goes nowhere, as one that was queued a moment before
    /// would have.
    pub fn send<'m>(self, message: impl Into<Outgoing<'m>>) {
        let message = message.into();
        // Only `Closed` is possible.
        let _ = self.shared.with_tx(|tx| tx.outbox.feed_reserved(message));
    }
}

impl<T: Transport> Drop for WritePermit<'_, T> {
    fn drop(&mut self) {
        self.shared.with_tx(Tx::return_permit);
        self.shared.wake_waiting();
    }
}

impl<T: Transport> fmt::Debug for WritePermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WritePermit")
    }
}
