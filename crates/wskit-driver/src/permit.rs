use std::fmt;

use wskit_proto::Outgoing;

use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection in whose queue there is room for one message.
pub trait Reserved {
    /// Queues the message.
    fn feed(&mut self, message: Outgoing<'_>);

    /// Gives the room back, after the message was queued or without one.
    fn release(&mut self) {}
}

impl<T: Transport> Reserved for &mut WebSocket<T> {
    fn feed(&mut self, message: Outgoing<'_>) {
        // The connection was open and had room, and has been borrowed since.
        let fed = self.parts().1.outbox.feed_reserved(message);
        debug_assert!(fed.is_ok(), "{fed:?}");
    }
}

/// The right to queue one message, from [`WebSocket::reserve`](crate::WebSocket::reserve) or
/// [`Writer::reserve`](crate::Writer::reserve).
#[must_use = "a permit that is dropped sends nothing"]
pub struct Permit<Q: Reserved> {
    queue: Q,
}

impl<Q: Reserved> Permit<Q> {
    pub(crate) fn new(queue: Q) -> Self {
        Self { queue }
    }

    /// Queues the message. It leaves with the next flush, send or receive.
    ///
    /// If a split connection has ended since the reservation, the message is lost, as is one that was
    /// queued just before the end.
    pub fn send<'m>(mut self, message: impl Into<Outgoing<'m>>) {
        self.queue.feed(message.into());
    }
}

impl<Q: Reserved> Drop for Permit<Q> {
    fn drop(&mut self) {
        self.queue.release();
    }
}

impl<Q: Reserved> fmt::Debug for Permit<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
