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
    /// Returns the defaults: normal priority, waiting for room, at most 1,024 messages and 256 KiB.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            priority: Priority::Normal,
            overflow: Overflow::Wait,
            max_messages: 1024,
            max_bytes: 256 << 10,
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
