use std::fmt;
use std::future::poll_fn;

use wskit_proto::{Outgoing, QueuedMessage, SendError};

use super::core::{Shared, WaitGuard};
use super::handle::Handle;
use super::lanes::{Buffered, LaneConfig, LaneId, Pushed};
use crate::error::ConnectionError;
use crate::sync::Arc;
use crate::transport::Transport;

/// A queue for one sender, with a priority, a bound, and a rule for messages that do not fit. From
/// [`Writer::lane`](crate::Writer::lane).
///
/// ```
/// # use wskit_driver::{ConnectionError, LaneConfig, Overflow, Priority, Transport, Writer};
/// # async fn doc<T: Transport>(writer: Writer<T>) -> Result<(), ConnectionError> {
/// let mut alarms = writer.lane(LaneConfig::new().priority(Priority::Urgent));
/// let mut prices = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
/// prices.push("41")?; // never waits
/// prices.push("42")?; // replaces 41 if that has not left yet
/// alarms.send("fire").await?;
/// # Ok(()) }
/// ```
///
/// Messages wait here unencoded and uncompressed. They are encoded when the socket takes bytes, the
/// most urgent first, and only while less than 32 KiB are encoded: an urgent message waits for that
/// much, and for what the operating system buffers.
///
/// # Who writes?
/// [`push`](Lane::push) writes what the socket takes at once; [`send`](Lane::send) and
/// [`flush`](Lane::flush) write until they are done. The rest, and what [`feed`](Lane::feed) queued, is
/// written by a [`Reader`](crate::Reader) that waits (it is woken for it), and by every call of a
/// writer or lane that writes. If no call of the connection is awaited, nothing is written.
///
/// Messages of a [paced](LaneConfig::paced) lane also wait for pongs. They leave when the pong is read: by
/// a [`Reader`](crate::Reader) that waits or, if it was dropped, by every call of a writer or lane.
///
/// # The end
/// A Close from this side goes after the messages in the lanes. When the peer closes or the connection
/// fails, messages in the lanes are dropped, and counted by [`dropped`](Lane::dropped).
///
/// # Dropping
/// Messages of a lane that is dropped are still sent, in their turn. Those of a paced lane wait for no
/// pong then. A lane does not keep the connection: it ends when the [`Reader`](crate::Reader) and all [`Writer`](crate::Writer)s are gone,
/// with a Close of code 1001 if the transport takes it at once. A push then fails with
/// [`SendError::Closed`].
pub struct Lane<T: Transport> {
    shared: Arc<Shared<T>>,
    id: LaneId,
}

impl<T: Transport> Lane<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, config: LaneConfig) -> Self {
        let id = shared.open_lane(config);
        Self { shared, id }
    }

    /// Queues a message and writes what the socket takes at once. Never waits, and may be called while
    /// a lock is held.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] when there is no room: the message is not queued, and if the lane's
    /// rule is [`Overflow::Disconnect`](crate::Overflow::Disconnect) the connection closes with 1013
    /// now. [`SendError::Closed`] when the connection is closing or over.
    pub fn push<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<Pushed, SendError> {
        let message = QueuedMessage::from(message.into());
        self.shared.push(self.id, &mut Some(message))
    }

    /// Queues a message; waits for room if the lane's rule is
    /// [`Overflow::Wait`](crate::Overflow::Wait). A [`Reader`](crate::Reader) that waits is woken to write
    /// it; otherwise it leaves with the next call that writes.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] from a lane with
    /// [`Overflow::Disconnect`](crate::Overflow::Disconnect), [`SendError::Closed`], and
    /// [`ConnectionError::Io`] when the transport failed.
    ///
    /// # Cancel safety
    /// Safe: a `feed` that is dropped before it is done sends nothing.
    pub async fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), ConnectionError> {
        let mut message = Some(QueuedMessage::from(message.into()));
        let mut guard = WaitGuard::new(&*self.shared);
        poll_fn(|cx| {
            let shared = guard.shared;
            shared.poll_lane_feed(cx, &mut guard.ticket, self.id, &mut message)
        })
        .await
    }

    /// Queues a message, and writes until all messages of this lane have left.
    ///
    /// # Errors
    /// Those of [`feed`](Lane::feed).
    ///
    /// # Cancel safety
    /// A `send` that is dropped has queued the whole message or nothing of it. A queued message leaves as
    /// it does after a [`feed`](Lane::feed).
    pub async fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), ConnectionError> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Writes until all messages in this lane have left, or were displaced by newer ones.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection ended before, [`ConnectionError::Io`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        let mut guard = WaitGuard::new(&*self.shared);
        let (entered, mut target) = (self.shared.entered_lane(self.id), None);
        poll_fn(|cx| {
            let shared = guard.shared;
            shared.poll_lane_flush(cx, &mut guard.ticket, self.id, entered, &mut target)
        })
        .await
    }

    /// Returns what waits in this lane.
    #[must_use]
    pub fn buffered(&self) -> Buffered {
        self.shared.buffered_in(self.id)
    }

    /// Returns how many messages of this lane were dropped: displaced by newer ones, or still waiting
    /// when the connection ended.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped_in(self.id)
    }
}

impl<T: Transport> Drop for Lane<T> {
    fn drop(&mut self) {
        self.shared.release_lane(self.id);
    }
}

impl<T: Transport> fmt::Debug for Lane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("buffered", &self.buffered())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
