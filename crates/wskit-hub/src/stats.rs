use std::ops::AddAssign;

/// What a hub has done since it was built. Divide a difference by its time for a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
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
}

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
