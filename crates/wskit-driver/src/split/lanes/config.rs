use std::time::Duration;

use super::pace::Pace;

/// Settings of a [`Lane`](crate::Lane).
///
/// ```
/// use wskit_driver::{LaneConfig, Overflow, Priority};
/// let ticks = LaneConfig::new().overflow(Overflow::LatestOnly);
/// let files = LaneConfig::new().priority(Priority::Bulk).max_messages(16);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    pub(super) priority: Priority,
    pub(super) overflow: Overflow,
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
    pub(super) pace: Pace,
}

/// Which lanes go first. Pings, pongs and the peer's answers go before all of them.
///
/// Lanes of one priority send a message each in turn. Calls of [`Writer`](crate::Writer)s that use no
/// lane count as one normal lane. A higher priority always goes first, so an endless stream of urgent
/// messages starves the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// Sent when nothing else waits.
    Bulk,
    /// Sent in turn with the calls of [`Writer`](crate::Writer)s that use no lane.
    #[default]
    Normal,
    /// Sent before everything else.
    Urgent,
}

/// What happens to a message for which a [`Lane`](crate::Lane) has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// [`Lane::feed`](crate::Lane::feed) waits for room, and [`Lane::push`](crate::Lane::push) is an
    /// error.
    #[default]
    Wait,
    /// The oldest messages of the lane are dropped until the new one fits.
    DropOldest,
    /// Replaces all messages that wait in the lane, even if there is room: for values of which only the
    /// newest matters.
    LatestOnly,
    /// The peer is too slow: the messages in all lanes are dropped, and the connection closes with 1013
    /// (try again later). A client that reconnects later can ask for the current state; 1008 would tell
    /// it not to reconnect.
    Disconnect,
}

impl LaneConfig {
    /// Returns the defaults: normal priority, waiting for room, at most 1,024 messages and 256 KiB, not
    /// paced.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            priority: Priority::Normal,
            overflow: Overflow::Wait,
            max_messages: 1024,
            max_bytes: 256 << 10,
            pace: Pace::Free,
        }
    }

    /// Sets which lanes it goes before; see [`Priority`].
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets what happens to a message that does not fit.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets how many messages may wait; at least 1.
    #[must_use]
    pub const fn max_messages(mut self, messages: usize) -> Self {
        self.max_messages = if messages == 0 { 1 } else { messages };
        self
    }

    /// Sets how many bytes of payload may wait. A larger message fits when nothing else waits.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Lets at most this many messages of the lane be on their way to the peer; 1 to 1,024. With
    /// [`Overflow::LatestOnly`] a peer that reads slowly gets the newest value, not those that the
    /// buffers of both systems, and of proxies, hold.
    ///
    /// A ping follows each message, in the same write, and only its pong makes room for another. So at
    /// most this many messages leave in a round trip: 1 for peers nearby or of which only freshness
    /// matters, 2 to have the next message there when the peer has read one. See
    /// [`paced_by_delay`](LaneConfig::paced_by_delay) for a limit that follows the round trip.
    ///
    /// **Cost.** The ping takes 10 bytes (14 from a client), the pong 14 (10). One ping serves the
    /// messages of all lanes that are written together.
    ///
    /// **The connection must be read from**, or no pong is seen: keep a receive of the
    /// [`Reader`](crate::Reader) pending, or drop it. The waiting message leaves when the pong is read.
    ///
    /// **What a pong says.** The peer's WebSocket implementation has read the message. Those that read
    /// ahead of the program, as browsers do, hide what waits in the program's own queue. A peer that
    /// answers no pings, against RFC 6455 §5.5.2, stops the lane; `Config::keepalive` ends the
    /// connection if the peer sends nothing else either.
    ///
    /// A Close does not wait: messages that wait in the lane go before it.
    ///
    /// The payload of these pings is `lane` and four bytes. Their pongs are not reported as events.
    ///
    /// ```
    /// use wskit_driver::{LaneConfig, Overflow};
    /// let positions = LaneConfig::new().overflow(Overflow::LatestOnly).paced(1);
    /// ```
    #[must_use]
    pub const fn paced(mut self, messages: usize) -> Self {
        self.pace = Pace::Messages(match messages {
            0 => 1,
            1..=Pace::MOST => messages,
            _ => Pace::MOST,
        });
        self
    }

    /// Lets as many messages of the lane be on their way to the peer as wait for about this long behind
    /// one another, in addition to the time that one message alone takes. Like
    /// [`paced`](LaneConfig::paced), with a limit that is found from the round trips of the pings: a
    /// game that sends 20 updates a second to a peer 200 ms away needs 5 of them on their way, and a
    /// peer that reads twice a second needs one.
    ///
    /// The limit begins at 1 and grows within some round trips. 50 to 100 ms are usual: less than the
    /// path's own variation keeps the limit too low, and more adds to the age of what arrives.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wskit_driver::{LaneConfig, Overflow};
    /// let positions = LaneConfig::new()
    ///     .overflow(Overflow::LatestOnly)
    ///     .paced_by_delay(Duration::from_millis(100));
    /// ```
    #[must_use]
    pub const fn paced_by_delay(mut self, delay: Duration) -> Self {
        self.pace = Pace::Delay(delay);
        self
    }
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What happened to a message that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It waits or has left.
    Queued,
    /// It waits or has left, and this number of older messages of the lane was dropped for it.
    Displaced(usize),
}

/// The messages and bytes that wait to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Buffered {
    /// Messages that wait in lanes.
    pub messages: usize,
    /// Bytes of payload that wait in lanes. For a whole connection, also bytes that are encoded and not
    /// written yet.
    pub bytes: usize,
}
