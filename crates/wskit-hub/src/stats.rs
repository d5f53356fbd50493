use std::ops::AddAssign;

/// What a hub has done since it was built. Divide a difference by its time for a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages published on this hub.
    pub published: u64,
    /// The bytes of their payloads.
    pub published_bytes: u64,
    /// Messages handed to connections.
    pub delivered: u64,
    /// Writes to connections: `delivered` divided by this is how many messages go together.
    pub writes: u64,
    /// Subscriptions begun.
    pub subscribed: u64,
    /// Those that began without a gap after a position of the client's.
    pub recovered: u64,
    /// Those that began with a gap.
    pub gaps: u64,
    /// Entries that slow subscribers have missed, and were told of.
    pub skipped: u64,
    /// Subscriptions that ended because the subscriber was too slow ([`Slow::Resume`](crate::Slow::Resume)).
    pub unsubscribed: u64,
    /// Connections closed because the peer was too slow ([`Slow::Disconnect`](crate::Slow::Disconnect)), or
    /// because its wire has no message for what it had to be told.
    pub disconnected: u64,
    /// Connections closed because a wire panicked.
    pub panicked: u64,
    /// Connections without room now.
    pub behind: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// Peers now.
    pub peers: u64,
    /// Calls that were refused.
    pub refused: Refused,
    /// What was asked of the engine, and how that went.
    pub engine: EngineStats,
}

/// Calls that a hub has refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// [`Error::InvalidTopic`](crate::Error::InvalidTopic), [`Error::TooLarge`](crate::Error::TooLarge).
    pub invalid: u64,
    /// [`Error::UnknownTopic`](crate::Error::UnknownTopic), [`Error::NoPresence`](crate::Error::NoPresence).
    pub unknown: u64,
    /// [`Error::NotGranted`](crate::Error::NotGranted).
    pub not_granted: u64,
    /// [`Error::TooManyTopics`](crate::Error::TooManyTopics),
    /// [`Error::AlreadySubscribed`](crate::Error::AlreadySubscribed).
    pub too_many: u64,
    /// [`Error::TooFast`](crate::Error::TooFast).
    pub too_fast: u64,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub out_of_memory: u64,
    /// [`Error::CallbackPanicked`](crate::Error::CallbackPanicked).
    pub panicked: u64,
    /// [`Error::Engine`](crate::Error::Engine).
    pub engine: u64,
}

/// What a hub has asked of its [`Engine`](crate::Engine).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStats {
    /// Commands.
    pub requests: u64,
    /// Those that read a history: at the beginning of a topic, for a page of a history that is not here, and to
    /// repair what was lost.
    pub reads: u64,
    /// Commands that failed.
    pub failures: u64,
    /// How often the engine reported that messages may be lost.
    pub losses: u64,
    /// How often it became unreachable.
    pub outages: u64,
}

/// The topics whose rules have one [label](crate::Rules::label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelStats {
    /// The label.
    pub label: &'static str,
    /// Topics now.
    pub topics: u64,
    /// Subscriptions to them now.
    pub subscriptions: u64,
    /// About how many bytes they take, with their histories and presence.
    pub bytes: usize,
}

impl LabelStats {
    pub(crate) const fn new(label: &'static str) -> Self {
        Self {
            label,
            topics: 0,
            subscriptions: 0,
            bytes: 0,
        }
    }
}

/// Adds the counts of another shard.
impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.writes += other.writes;
        self.subscribed += other.subscribed;
        self.recovered += other.recovered;
        self.gaps += other.gaps;
        self.skipped += other.skipped;
        self.unsubscribed += other.unsubscribed;
        self.disconnected += other.disconnected;
        self.panicked += other.panicked;
        self.behind += other.behind;
        self.subscriptions += other.subscriptions;
        self.peers += other.peers;
    }
}
