use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use wskit_proto::{
    CloseCode, CloseFrame, Message, Outcome, Outgoing, PreparedMessage, SendError, State, Utf8Bytes,
};

use super::any_writer::{AnyWeakWriter, AnyWriter};
use super::closing::wait_for_end;
use super::core::{Batched, Shared, WaitGuard};
use super::handle::Handle;
use super::lane::Lane;
use super::lanes::{Buffered, LaneConfig};
use super::message_lock::MessageLock;
use super::sink::SinkState;
use crate::error::ConnectionError;
use crate::permit::{Permit, Reserved};
use crate::sync::Arc;
use crate::transport::{SendTransport, TlsSession, Transport};

/// A sending half of a split connection. Clone it for every task that sends.
///
/// Messages of all writers share one bounded queue and leave whole, in the order in which they were
/// queued. Calls that wait for room go on in the order in which they came.
///
/// Messages that are fed leave with the next `flush` or `send` of any writer, when the queue is over
/// its high-water mark, and whenever the [`Reader`](crate::Reader) is about to wait.
///
/// # Dropping
/// Dropping a writer does not affect the others. Dropping the last one neither flushes nor closes: the
/// reader goes on, and [`Reader::writer`](crate::Reader::writer) makes a new one. When the reader and
/// all writers are dropped the connection ends.
///
/// A writer keeps the connection, but not its transport, which is dropped once the connection is over.
/// Lists that keep writers for long, such as the members of a chat room, can keep weak ones
/// ([`downgrade`](Writer::downgrade)).
pub struct Writer<T: Transport> {
    pub(super) shared: Arc<Shared<T>>,
    /// Set once the writer is used as a `Sink`.
    pub(super) sink: Option<Box<SinkState<T::Timer>>>,
}

impl<T: Transport> Writer<T> {
    /// Creates a writer that is counted as an owner already.
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
        WeakWriter {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// Queues a message and writes everything queued up to it.
    ///
    /// # Errors
    /// [`SendError`] when the message cannot be sent, [`ConnectionError::Io`] when the transport failed.
    ///
    /// # Cancel safety
    /// A `send` that is dropped has queued the whole message or nothing of it. A queued message leaves
    /// with the next call, or at once if the reader is waiting. To know whether the message was queued,
    /// use [`reserve`](Writer::reserve).
    ///
    /// A `send` that has been polled once, and is then neither polled nor dropped, blocks the calls that
    /// wait behind it, as a waiting lock of `tokio::sync::Mutex` does. Do not await another call of this
    /// connection in one arm of a `select!` while `&mut send` waits in another. For the same reason do
    /// not leak (`mem::forget`) these futures.
    pub async fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        let (mut message, mut target) = (Some(message.into()), None);
        let mut guard = WaitGuard::new(&*self.shared);
        // The guard is borrowed, so that dropping the future drops it.
        poll_fn(|cx| {
            let shared = guard.shared;
            shared.poll_send(cx, &mut guard.ticket, &mut message, &mut target)
        })
        .await
    }

    /// Queues a message, after waiting for room and for earlier calls.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// A `feed` that is dropped has queued nothing, and has lost its turn.
    pub async fn feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        let mut message = Some(message.into());
        let mut guard = WaitGuard::new(&*self.shared);
        poll_fn(|cx| {
            let shared = guard.shared;
            shared.poll_feed(cx, &mut guard.ticket, &mut message)
        })
        .await
    }

    /// Queues a message if there is room now and no other writer waits.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] if there is no room or another writer waits,
    /// [`SendError::MessageOpen`] while another writer sends a message in pieces, and the other
    /// [`SendError`]s of [`send`](Writer::send).
    pub fn try_feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.shared.try_feed(&mut Some(message.into()))
    }

    /// Queues as many of the messages as there is room for, in order, and tries once to write. Never
    /// waits.
    ///
    /// For code that sends the same messages to many connections from one place. The lock of the sending
    /// half is taken once, whatever the number of messages, and all of them leave with one write if the
    /// transport takes them. If it does not, no task is woken for that: the rest leaves as what was
    /// [fed](Writer::try_feed) does, with the next call or while the [`Reader`](crate::Reader) waits.
    ///
    /// A message is accepted where [`try_feed`](Writer::try_feed) would queue it: not while another writer
    /// waits, a message is sent in pieces, the queue is over its high-water mark, or lanes have messages
    /// that go first. The first message that is not accepted ends the batch, so `accepted` may be 0. What
    /// is queued is written in any case, also if there are no messages. If that makes room for the rest,
    /// the rest is still left to the next call; see [`wake_when_room`](Writer::wake_when_room).
    ///
    /// The caller may hold a lock of its own: observers are not called. Tasks that wait on this connection
    /// may be woken, and sent payloads of other calls dropped, before this returns.
    ///
    /// # Errors
    /// [`SendError::Closed`] if the connection closes or is over, or if the write failed. Nothing is
    /// accepted then, or what was is lost.
    pub fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        self.shared.batch(messages)
    }

    /// Wakes `waker` once there is room for a message, as [`batch`](Writer::batch) and
    /// [`try_feed`](Writer::try_feed) ask for it, or once the connection closes. At once if that is so
    /// already.
    ///
    /// The waker is kept until then, without a task or a future; one that
    /// [wakes the same task](Waker::will_wake) as another is kept once. It may also be woken before: when
    /// the transport takes bytes again and no other task may be about to write them. So call `batch`
    /// whenever it is woken, even without messages, and then this again if there is still no room.
    ///
    /// `waker` may be woken, cloned and dropped within this call and within others of this connection,
    /// and may call all of them.
    pub fn wake_when_room(&self, waker: &Waker) {
        self.shared.wake_when_room(waker);
    }

    /// Wakes `waker` once the connection is over: its state is `Closed` and its transport dropped, or its
    /// reader and all writers were dropped. At once if that is so already.
    ///
    /// The waker is kept until then, without a task or a future; one that
    /// [wakes the same task](Waker::will_wake) as another is kept once. The end is noticed by the
    /// [`Reader`](crate::Reader) while it receives, or, if it was dropped, by the calls of writers.
    pub fn wake_when_closed(&self, waker: &Waker) {
        self.shared.wake_when_closed(waker);
    }

    /// Waits until a message can be queued, and returns a permit that queues it without waiting. An
    /// unused permit takes 4 KiB of the queue.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is queued before [`Permit::send`].
    pub async fn reserve(&self) -> Result<Permit<&Self>, ConnectionError> {
        let mut guard = WaitGuard::new(&*self.shared);
        poll_fn(|cx| guard.shared.poll_permit(cx, &mut guard.ticket)).await?;
        Ok(Permit::new(self))
    }

    /// Writes everything that is queued now, of all writers.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&self) -> Result<(), ConnectionError> {
        let mut guard = WaitGuard::new(&*self.shared);
        let mut target = None;
        poll_fn(|cx| guard.shared.poll_flush(cx, &mut guard.ticket, &mut target)).await
    }

    /// Sends a ping with up to 125 bytes of the application.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send), and [`SendError::ControlTooLong`].
    ///
    /// # Cancel safety
    /// The ping is queued by the first poll, and leaves with the next call if this one is dropped.
    pub async fn ping(&self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.shared.queue_ping(payload)?;
        self.flush().await
    }

    /// Queues a Close after all queued messages, and waits for the end of the connection, for at most
    /// `Config::close_timeout`. The reader's task must be receiving meanwhile, and gets what the peer
    /// still sends. If the reader was dropped, this call reads in its place.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] or [`SendError::ReasonTooLong`],
    /// [`ConnectionError::NoTimer`] when the runtime has no timer. All other failures are in the
    /// [`Outcome`].
    ///
    /// # Cancel safety
    /// Safe: the Close is queued by the first poll.
    pub async fn close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Outcome, ConnectionError> {
        self.start_close(code, reason)?;
        wait_for_end(&self.shared).await
    }

    /// Queues a Close and returns; the reader completes the closing handshake.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] or [`SendError::ReasonTooLong`].
    pub fn start_close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        let close = CloseFrame::new(code, reason);
        Ok(self.shared.start_close(&close)?)
    }

    /// Opens a queue beside the one that calls of writers share. Any number of lanes may be open.
    #[must_use]
    pub fn lane(&self, config: LaneConfig) -> Lane<T> {
        Lane::new(self.shared.clone(), config)
    }

    /// Returns what waits to be sent on this connection, in its lanes and for the socket: what browsers
    /// call `bufferedAmount`.
    #[must_use]
    pub fn buffered(&self) -> Buffered {
        self.shared.buffered()
    }

    /// Waits for the right to be the only one that queues data.
    pub(crate) async fn lock_message(&self) -> Result<MessageLock<'_, T>, ConnectionError> {
        MessageLock::acquire(&self.shared).await
    }

    /// Returns the latest round trip of a keepalive ping; see [`Reader::round_trip`](crate::Reader::round_trip).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
    }

    /// Returns how many bytes are encoded and not yet written. [`buffered`](Writer::buffered) also counts
    /// what waits in lanes.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued()
    }

    /// Returns whether the connection is open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Returns how the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.outcome()
    }

    /// Returns the sub-protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol()
    }

    /// Returns the address of the peer, if the transport is a connection over IP and the connection is
    /// not over. Ask at the beginning what is to be logged at the end.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer_addr()
    }

    /// Returns the address of this end; see [`peer_addr`](Writer::peer_addr).
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local_addr()
    }

    /// Returns what is known of the TLS session, if there is one and the connection is not over. Each
    /// call copies the certificates.
    #[must_use]
    pub fn tls_session(&self) -> Option<TlsSession> {
        self.shared.tls_session()
    }

    /// Returns a handle that does not name the transport, for lists of connections of several kinds.
    /// What the `Sink` of this writer remembers is not taken along.
    #[must_use]
    pub fn erase(self) -> AnyWriter
    where
        T: SendTransport,
    {
        AnyWriter::new(self.shared.clone())
    }

    /// Queues the message that the sink has held back. Returns false if it cannot be queued.
    pub(super) fn feed_held(&mut self) -> bool {
        let Some(sink) = &mut self.sink else {
            return true;
        };
        self.shared
            .with_sender(|sender| matches!(sink.feed_held(&mut sender.output), Ok(Ok(()))))
    }

    fn sink(&mut self) -> (&Shared<T>, &mut SinkState<T::Timer>) {
        (&self.shared, self.sink.get_or_insert_default())
    }
}

/// `poll_ready` waits while the queue is over its mark or another writer sends a message in pieces;
/// `start_send` after it fails only when the connection has ended. `poll_flush` is ready when everything
/// sent through this sink before has been written.
///
/// `poll_close` starts the closing handshake with code 1000 and waits for the end of the connection, for
/// at most `Config::close_timeout`; an ending that is not clean is an error. The reader's task must be
/// receiving meanwhile, and gets what the peer still sends.
impl<T: Transport> Sink<Message> for Writer<T> {
    type Error = ConnectionError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let (shared, sink) = self.sink();
        sink.poll_ready(cx, shared)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), ConnectionError> {
        let (shared, sink) = self.sink();
        sink.start_send(shared, message)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let (shared, sink) = self.sink();
        sink.poll_flush(cx, shared)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let (shared, sink) = self.sink();
        sink.poll_close(cx, shared)
    }
}

impl<T: Transport> Drop for Writer<T> {
    fn drop(&mut self) {
        if let Some(sink) = &mut self.sink {
            self.shared.cancel(&mut sink.ticket);
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

/// Nothing in a writer is pinned.
impl<T: Transport> Unpin for Writer<T> {}

impl<T: Transport> Reserved for &Writer<T> {
    fn feed(&mut self, message: Outgoing<'_>) {
        self.shared.feed_reserved(&mut Some(message));
    }

    fn release(&mut self) {
        self.shared.return_permit();
    }
}

/// A handle to a connection that does not keep it open, from [`Writer::downgrade`].
///
/// For lists of connections, such as the members of a chat room, that must not keep ended ones.
pub struct WeakWriter<T: Transport> {
    shared: Weak<Shared<T>>,
}

impl<T: Transport> WeakWriter<T> {
    /// Returns a writer, or `None` if the connection is over, or its reader and all writers were dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Writer<T>> {
        let shared = self.shared.upgrade()?;
        let is_open = shared.state() != State::Closed && shared.try_add_owner();
        is_open.then(|| Writer::counted(shared))
    }

    /// Queues as many of the messages as there is room for, and tries once to write; see
    /// [`Writer::batch`]. The connection is not kept meanwhile.
    ///
    /// # Errors
    /// Those of [`Writer::batch`]; [`SendError::Closed`] also where
    /// [`upgrade`](WeakWriter::upgrade) returns `None`.
    pub fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        let shared = self.shared.upgrade().ok_or(SendError::Closed)?;
        shared.batch(messages)
    }

    /// Wakes `waker` once there is room for a message, or once the connection closes or is gone; see
    /// [`Writer::wake_when_room`].
    pub fn wake_when_room(&self, waker: &Waker) {
        match self.shared.upgrade() {
            Some(shared) => shared.wake_when_room(waker),
            None => waker.wake_by_ref(),
        }
    }

    /// Wakes `waker` once the connection is over or gone; see [`Writer::wake_when_closed`].
    pub fn wake_when_closed(&self, waker: &Waker) {
        match self.shared.upgrade() {
            Some(shared) => shared.wake_when_closed(waker),
            None => waker.wake_by_ref(),
        }
    }

    /// Returns a handle that does not name the transport; see [`Writer::erase`].
    #[must_use]
    pub fn erase(self) -> AnyWeakWriter
    where
        T: SendTransport,
    {
        AnyWeakWriter::new(self.shared)
    }
}

impl<T: Transport> Clone for WeakWriter<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T: Transport> fmt::Debug for WeakWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakWriter")
    }
}
