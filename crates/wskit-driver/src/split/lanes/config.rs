/// What a [`Lane`](crate::Lane) is like.
///
/// ```
/// use wskit_driver::{LaneConfig, Overflow, Priority};
/// let ticks = LaneConfig::new().overflow(Overflow::LatestOnly);
/// let files = LaneConfig::new().priority(Priority::Bulk).max_messages(16);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    pub(crate) priority: Priority,
    pub(crate) overflow: Overflow,
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
}

/// Which lanes go first. Pings, pongs and the peer's answers go before all of them.
///
/// Lanes of one priority send a message each in turn, and so do the plain calls of
/// [`Writer`](crate::Writer), which count as one normal lane. A higher priority always goes first, so
/// urgent messages without end leave the others nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// When nothing else waits.
    Bulk,
    /// As the plain calls of a [`Writer`](crate::Writer).
    #[default]
    Normal,
    /// Before everything else.
    Urgent,
}

/// What happens to a message for which a [`Lane`](crate::Lane) has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// It waits ([`Lane::feed`](crate::Lane::feed)), or is refused
    /// ([`Lane::push`](crate::Lane::push)).
    #[default]
    Wait,
    /// The oldest messages of the lane are dropped until it fits.
    DropOldest,
    /// It takes the place of whatever waits in the lane, however much room there is: for values of
    /// which only the newest matters.
    LatestOnly,
    /// The peer is too slow: what waits in all lanes is dropped, and the connection closes with 1013
    /// (try again later), because a client that comes back in a while and asks for the present state
    /// is well served; 1008 would tell it not to come back.
    Disconnect,
}

impl LaneConfig {
    /// Normal priority, waiting for room, at most 1,024 messages and 256 KiB.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            priority: Priority::Normal,
            overflow: Overflow::Wait,
            max_messages: 1024,
            max_bytes: 256 << 10,
        }
    }

    /// When its turn comes.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What happens when it is full.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How many messages may wait; at least 1.
    #[must_use]
    pub const fn max_messages(mut self, messages: usize) -> Self {
        self.max_messages = if messages == 0 { 1 } else { messages };
        self
    }

    /// How many bytes of payload may wait. A message that is larger fits when nothing else waits.
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
