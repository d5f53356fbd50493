use std::fmt;
use std::future::poll_fn;

use wskit_proto::{Outgoing, QueuedMessage, SendError};

use super::core::WaitGuard;
use super::handle::SharedHandle;
use super::lanes::{Buffered, LaneConfig, LaneId, Pushed};
use crate::error::ConnectionError;
use crate::sync::Arc;

/// A [`Lane`](crate::Lane) that does not name its transport, from [`AnyWriter::lane`](crate::AnyWriter::lane).
///
/// Each call does what that of [`Lane`](crate::Lane) does, and allocates as much.
pub struct AnyLane {
    shared: Arc<dyn SharedHandle>,
    id: LaneId,
}

impl AnyLane {
    pub(super) fn new(shared: Arc<dyn SharedHandle>, config: LaneConfig) -> Self {
        let id = shared.open_lane(config);
        Self { shared, id }
    }

    /// Queues a message and writes what the socket takes at once. Never waits, and may be called while
    /// a lock is held.
    ///
    /// # Errors
    /// Those of [`Lane::push`](crate::Lane::push).
    pub fn push<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<Pushed, SendError> {
        let message = QueuedMessage::from(message.into());
        self.shared.push(self.id, &mut Some(message))
    }

    /// Queues a message; waits for room if the lane's rule is [`Overflow::Wait`](crate::Overflow::Wait).
    ///
    /// # Errors
    /// Those of [`Lane::feed`](crate::Lane::feed).
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
    /// Those of [`feed`](AnyLane::feed).
    ///
    /// # Cancel safety
    /// That of [`Lane::send`](crate::Lane::send).
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
    /// Those of [`Lane::flush`](crate::Lane::flush).
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

    /// Returns how many messages of this lane were dropped; see [`Lane::dropped`](crate::Lane::dropped).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped_in(self.id)
    }
}

impl Drop for AnyLane {
    fn drop(&mut self) {
        self.shared.release_lane(self.id);
    }
}

impl fmt::Debug for AnyLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLane")
            .field("buffered", &self.buffered())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
