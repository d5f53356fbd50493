use std::fmt;

use wskit_proto::Outgoing;

use super::core::Shared;
use crate::transport::Transport;

/// The right to queue one message, from [`Writer::reserve`](crate::Writer::reserve).
#[must_use = "a permit that is dropped sends nothing"]
pub struct WritePermit<'a, T: Transport> {
    shared: &'a Shared<T>,
}

impl<'a, T: Transport> WritePermit<'a, T> {
    /// Wraps a permit that was taken.
    pub(super) const fn new(shared: &'a Shared<T>) -> Self {
        Self { shared }
    }

    /// Queues the message. It leaves with the next flush or send, or before the reader waits.
    ///
    /// If the connection has ended since the reservation, the message is lost, as is one that was
    /// queued just before the end.
    pub fn send<'m>(self, message: impl Into<Outgoing<'m>>) {
        let mut message = Some(message.into());
        // Only `Closed` is possible.
        let _ = self
            .shared
            .with_sender(|sender| sender.output.feed_reserved(&mut message));
    }
}

impl<T: Transport> Drop for WritePermit<'_, T> {
    fn drop(&mut self) {
        self.shared
            .with_sender(|sender| sender.output.return_permit());
    }
}

impl<T: Transport> fmt::Debug for WritePermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WritePermit")
    }
}
