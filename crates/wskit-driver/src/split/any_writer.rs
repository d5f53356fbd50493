use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Weak;
use std::task::Waker;
use std::time::Duration;

use wskit_proto::{
    CloseCode, CloseFrame, Outcome, Outgoing, PreparedMessage, SendError, State, Utf8Bytes,
};

use super::any_lane::AnyLane;
use super::core::{Batched, WaitGuard};
use super::handle::SharedHandle;
use super::lanes::{Buffered, LaneConfig};
use super::writer::{WeakWriter, Writer};
use crate::error::ConnectionError;
use crate::permit::{Permit, Reserved};
use crate::sync::Arc;
use crate::transport::{SendTransport, TlsSession};

/// A [`Writer`] that does not name its transport: for lists of connections of several kinds, such as a
/// room whose members come by TCP, by TLS and through axum.
///
/// ```
/// # use wskit_driver::{AnyWriter, SendTransport, WebSocket, Reader};
/// fn join<T: SendTransport>(ws: WebSocket<T>, room: &mut Vec<AnyWriter>) -> Reader<T> {
///     let (reader, writer) = ws.split();
///     room.push(writer.erase());
///     reader
/// }
/// ```
///
/// Each call does what that of [`Writer`] does, and allocates as much; [`close`](AnyWriter::close)
/// allocates once more. It keeps the connection as a writer does. It has no `Sink`.
pub struct AnyWriter {
    shared: Arc<dyn SharedHandle>,
}

impl AnyWriter {
    /// Creates a writer beside one that exists.
    pub(super) fn new(shared: Arc<dyn SharedHandle>) -> Self {
        shared.add_owner();
        Self { shared }
    }

    /// Returns a handle that does not keep the connection.
    #[must_use]
    pub fn downgrade(&self) -> AnyWeakWriter {
        AnyWeakWriter {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// Queues a message and writes everything queued up to it.
    ///
    /// # Errors
    /// Those of [`Writer::send`].
    ///
    /// # Cancel safety
    /// That of [`Writer::send`].
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
    /// Those of [`Writer::send`].
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
    /// Those of [`Writer::try_feed`].
    pub fn try_feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.shared.try_feed(&mut Some(message.into()))
    }

    /// Queues as many of the messages as there is room for, and tries once to write. Never waits; see
    /// [`Writer::batch`].
    ///
    /// # Errors
    /// Those of [`Writer::batch`].
    pub fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        self.shared.batch(messages)
    }

    /// Wakes `waker` once there is room for a message, or once the connection closes; see
    /// [`Writer::wake_when_room`].
    pub fn wake_when_room(&self, waker: &Waker) {
        self.shared.wake_when_room(waker);
    }

    /// Wakes `waker` once the connection is over; see [`Writer::wake_when_closed`].
    pub fn wake_when_closed(&self, waker: &Waker) {
        self.shared.wake_when_closed(waker);
    }

    /// Waits until a message can be queued, and returns a permit that queues it without waiting; see
    /// [`Writer::reserve`].
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

    /// Writes everything that is queued now.
    ///
    /// # Errors
    /// Those of [`Writer::send`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&self) -> Result<(), ConnectionError> {
        let mut guard = WaitGuard::new(&*self.shared);
        let mut target = None;
        poll_fn(|cx| {
            let shared = guard.shared;
            shared.poll_flush(cx, &mut guard.ticket, &mut target)
        })
        .await
    }

    /// Sends a ping with up to 125 bytes of the application.
    ///
    /// # Errors
    /// Those of [`Writer::ping`].
    ///
    /// # Cancel safety
    /// That of [`Writer::ping`].
    pub async fn ping(&self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.shared.queue_ping(payload)?;
        self.flush().await
    }

    /// Queues a Close after all queued messages, and waits for the end of the connection, for at most
    /// `Config::close_timeout`. The reader's task must be receiving meanwhile; see [`Writer::close`].
    ///
    /// # Errors
    /// Those of [`Writer::close`].
    ///
    /// # Cancel safety
    /// Safe: the Close is queued by the first poll.
    pub async fn close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Outcome, ConnectionError> {
        self.start_close(code, reason)?;
        self.shared.clone().end().await
    }

    /// Queues a Close and returns; the reader completes the closing handshake.
    ///
    /// # Errors
    /// Those of [`Writer::start_close`].
    pub fn start_close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        let close = CloseFrame::new(code, reason);
        Ok(self.shared.start_close(&close)?)
    }

    /// Opens a queue beside the one that calls of writers share; see [`Writer::lane`].
    #[must_use]
    pub fn lane(&self, config: LaneConfig) -> AnyLane {
        AnyLane::new(self.shared.clone(), config)
    }

    /// Returns what waits to be sent on this connection, in its lanes and for the socket.
    #[must_use]
    pub fn buffered(&self) -> Buffered {
        self.shared.buffered()
    }

    /// Returns how many bytes are encoded and not yet written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued()
    }

    /// Returns the latest round trip of a keepalive ping.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
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

    /// Returns the address of the peer; see [`Writer::peer_addr`].
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer_addr()
    }

    /// Returns the address of this end; see [`Writer::peer_addr`].
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local_addr()
    }

    /// Returns what is known of the TLS session; see [`Writer::tls_session`].
    #[must_use]
    pub fn tls_session(&self) -> Option<TlsSession> {
        self.shared.tls_session()
    }
}

impl<T: SendTransport> From<Writer<T>> for AnyWriter {
    fn from(writer: Writer<T>) -> Self {
        writer.erase()
    }
}

impl Clone for AnyWriter {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl Drop for AnyWriter {
    fn drop(&mut self) {
        self.shared.remove_owner();
    }
}

impl fmt::Debug for AnyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyWriter")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Reserved for &AnyWriter {
    fn feed(&mut self, message: Outgoing<'_>) {
        self.shared.feed_reserved(&mut Some(message));
    }

    fn release(&mut self) {
        self.shared.return_permit();
    }
}

/// A [`WeakWriter`] that does not name its transport, from [`AnyWriter::downgrade`] or
/// [`WeakWriter::erase`].
#[derive(Clone)]
pub struct AnyWeakWriter {
    shared: Weak<dyn SharedHandle>,
}

impl AnyWeakWriter {
    pub(super) fn new(shared: Weak<dyn SharedHandle>) -> Self {
        Self { shared }
    }

    /// Returns a writer, or `None` if the connection is over, or its reader and all writers were dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<AnyWriter> {
        let shared = self.shared.upgrade()?;
        let is_open = shared.state() != State::Closed && shared.try_add_owner();
        is_open.then(|| AnyWriter { shared })
    }

    /// Queues as many of the messages as there is room for, and tries once to write. Never waits; see
    /// [`Writer::batch`]. The connection is not kept meanwhile.
    ///
    /// ```
    /// use std::task::Waker;
    /// use wskit_driver::AnyWeakWriter;
    /// # use wskit_driver::wskit_proto as wskit;
    /// use wskit::PreparedMessage;
    ///
    /// struct Room {
    ///     members: Vec<AnyWeakWriter>,
    ///     /// Wakes the task that calls `publish` again for the members that are behind.
    ///     waker: Waker,
    /// }
    ///
    /// impl Room {
    ///     /// Sends the news to all, forgets those that have gone, and counts those that missed it.
    ///     fn publish(&mut self, news: &PreparedMessage) -> usize {
    ///         let mut behind = 0;
    ///         self.members.retain(|member| {
    ///             let Ok(batched) = member.batch(&[news]) else {
    ///                 return false;
    ///             };
    ///             if batched.accepted == 0 {
    ///                 behind += 1;
    ///                 member.wake_when_room(&self.waker);
    ///             }
    ///             true
    ///         });
    ///         behind
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`Writer::batch`]; [`SendError::Closed`] also where
    /// [`upgrade`](AnyWeakWriter::upgrade) returns `None`.
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
}

impl<T: SendTransport> From<WeakWriter<T>> for AnyWeakWriter {
    fn from(writer: WeakWriter<T>) -> Self {
        writer.erase()
    }
}

impl fmt::Debug for AnyWeakWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyWeakWriter")
    }
}

impl<T: SendTransport> From<&Writer<T>> for AnyWeakWriter {
    fn from(writer: &Writer<T>) -> Self {
        writer.downgrade().erase()
    }
}

impl From<&AnyWriter> for AnyWeakWriter {
    fn from(writer: &AnyWriter) -> Self {
        writer.downgrade()
    }
}
