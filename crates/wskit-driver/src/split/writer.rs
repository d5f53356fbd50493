use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use wskit_proto::{CloseCode, CloseFrame, Outcome, Outgoing, SendError, State, Utf8Bytes};

use super::core::Sender;
use super::core::WaitFor;
use super::core::{Shared, WaitGuard};
use super::sink::{Closing, SinkState};
use super::weak::WeakWriter;
use crate::error::ConnectionError;
use crate::sync::Arc;
use crate::transport::Transport;

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
/// closes: the reader goes on, and [`Reader::writer`](crate::Reader::writer) makes a new one. When the
/// reader and all writers are gone the connection ends.
///
/// A writer keeps the connection, but not its transport: once the connection is over the transport is
/// dropped. What keeps writers for long, such as a list of a room's members, may keep weak ones
/// ([`downgrade`](Writer::downgrade)).
pub struct Writer<T: Transport> {
    pub(super) shared: Arc<Shared<T>>,
    /// There once it is used as a `Sink`.
    pub(super) sink: Option<Box<SinkState<T::Timer>>>,
}

impl<T: Transport> Writer<T> {
    /// A writer that is counted already.
    pub(super) fn counted(shared: Arc<Shared<T>>) -> Self {
        Self { shared, sink: None }
    }

    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.add_owner();
        Self::counted(shared)
    }

    /// Returns a handle that does not keep the connection.
    #[must_use]
    pub fn downgrade(&self) -> WeakWriter<T> {
        WeakWriter::new(&self.shared)
    }

    /// Queues a message and writes everything queued up to it.
    ///
    /// # Errors
    /// [`SendError`] when the message cannot be sent, [`ConnectionError::Io`] when the transport failed.
    ///
    /// # Cancel safety
    /// A dropped `send` has queued its message wholly or not at all, and what is queued leaves with
    /// the next call, or at once if the reader is waiting. To know which, use
    /// [`reserve`](Writer::reserve).
    ///
    /// A `send` that has been polled and is neither polled on nor dropped holds up those who wait behind
    /// it, as a waiting lock of `tokio::sync::Mutex` does. Do not await another call of this connection
    /// in one arm of a `select!` while `&mut send` waits in another. For the same reason do not leak
    /// (`mem::forget`) these futures.
    pub async fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        self.queue(message.into(), true).await
    }

    async fn queue(&self, message: Outgoing<'_>, flush: bool) -> Result<(), ConnectionError> {
        let mut message = Some(message);
        let mut guard = WaitGuard::new(&self.shared);
        let mut target = None;
        // Borrowed, not moved: the place must be left when this is dropped.
        poll_fn(|cx| {
            self.shared
                .poll_send(cx, &mut guard, &mut message, &mut target, flush)
        })
        .await
    }

    /// Queues a message, waiting for room and for those who came before.
    ///
    /// # Errors
    /// As [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// As [`send`](Writer::send); the place in the line is lost.
    pub async fn feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        self.queue(message.into(), false).await
    }

    /// Queues a message if there is room now and no other writer waits.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] if not, [`SendError::MessageOpen`] while another writer sends a message
    /// in pieces; else as [`send`](Writer::send).
    pub fn try_feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        self.shared
            .with_sender(|sender| sender.try_feed(&mut message))
    }

    /// Waits until a message can be queued, then lets it be queued for certain. An unused permit
    /// counts as 4 KiB of queue.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is queued before [`WritePermit::send`].
    pub async fn reserve(&self) -> Result<WritePermit<'_, T>, ConnectionError> {
        let mut guard = WaitGuard::new(&self.shared);
        poll_fn(|cx| guard.poll_enter(cx, Sender::take_permit)).await?;
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
    pub async fn flush(&self) -> Result<(), ConnectionError> {
        let mut guard = WaitGuard::new(&self.shared);
        let mut target = None;
        poll_fn(|cx| {
            self.shared
                .poll_flush(cx, &mut guard.ticket, &mut target, WaitFor::Flush)
        })
        .await
    }

    /// Sends a ping of the application's own, with up to 125 bytes.
    ///
    /// # Errors
    /// As [`send`](Writer::send), and [`SendError::ControlTooLong`].
    ///
    /// # Cancel safety
    /// As [`send`](Writer::send).
    pub async fn ping(&self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.shared
            .with_sender(|sender| sender.control(|outbox| outbox.ping(payload)))?;
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
    ) -> Result<Outcome, ConnectionError> {
        let close = CloseFrame::new(code, reason);
        self.shared.with_sender(|sender| sender.close(&close))?;
        let mut closing = Closing::new(&self.shared);
        let mut guard = WaitGuard::new(&self.shared);
        poll_fn(|cx| closing.poll(cx, &self.shared, &mut guard.ticket)).await
    }

    /// Queues a Close and returns; the reader completes the closing handshake.
    ///
    /// # Errors
    /// As [`close`](Writer::close).
    pub fn start_close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        let close = CloseFrame::new(code, reason);
        Ok(self.shared.with_sender(|sender| sender.close(&close))?)
    }

    /// The latest round trip of a keepalive ping; see [`Reader::round_trip`](crate::Reader::round_trip).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
    }

    /// Bytes encoded and not yet written; what waits in lanes is in [`buffered`](Writer::buffered).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.with_sender(|sender| sender.outbox.queued())
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

impl<T: Transport> Drop for Writer<T> {
    fn drop(&mut self) {
        if let Some(sink) = &mut self.sink {
            self.shared.give_up(sink.ticket());
        }
        self.shared.remove_owner();
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
        let mut message = Some(message.into());
        // Only `Closed` is possible.
        let _ = self
            .shared
            .with_sender(|sender| sender.feed_reserved(&mut message));
    }
}

impl<T: Transport> Drop for WritePermit<'_, T> {
    fn drop(&mut self) {
        self.shared.with_sender(Sender::return_permit);
    }
}

impl<T: Transport> fmt::Debug for WritePermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WritePermit")
    }
}
