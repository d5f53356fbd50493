/// Limits of a [`Hub`](crate::Hub). Each has a default that suits a server on the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) memory: usize,
    pub(crate) payload: usize,
    pub(crate) topics_per_peer: u32,
    pub(crate) commands_per_sec: u32,
    pub(crate) members_listed: usize,
    pub(crate) undelivered: usize,
}

impl Limits {
    /// Returns the defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            memory: 1 << 30,
            payload: 64 << 10,
            topics_per_peer: 128,
            commands_per_sec: 100,
            members_listed: 1000,
            undelivered: 4096,
        }
    }

    /// Sets how many bytes topics, their histories, subscriptions and presence may take; by default 1 GiB.
    ///
    /// It is a hard limit. When it is reached, the histories that were used least recently are forgotten,
    /// so that clients that come back to those topics get [`Subscribed::Gap`](crate::Subscribed::Gap). If
    /// that is not enough, new messages and subscriptions are refused with
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory). [`Hub::held`](crate::Hub::held) returns what is
    /// taken.
    ///
    /// What is counted is an estimate, within 20 % of what the allocator gives. Not counted are compressed forms of
    /// messages, and messages of topics without a history until they are encoded: of those at most
    /// [`undelivered`](Limits::undelivered) wait in each shard, so lower that one where payloads are large.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how large the payload of a publication may be; by default 64 KiB.
    #[must_use]
    pub const fn payload(mut self, bytes: usize) -> Self {
        self.payload = bytes;
        self
    }

    /// Sets to how many topics a peer may be subscribed, and in how many it may be present; by default 128.
    #[must_use]
    pub const fn topics_per_peer(mut self, topics: u32) -> Self {
        self.topics_per_peer = topics;
        self
    }

    /// Sets how many subscriptions and publications a second a peer may ask for, and at once; by default
    /// 100. 0 is no limit.
    #[must_use]
    pub const fn commands_per_sec(mut self, commands: u32) -> Self {
        self.commands_per_sec = commands;
        self
    }

    /// Sets how many members a list of who is present has at most; by default 1,000. Beyond that only their
    /// number is known.
    #[must_use]
    pub const fn members_listed(mut self, members: usize) -> Self {
        self.members_listed = members;
        self
    }

    /// Sets how many publications may wait to be handed to connections, on each delivery shard, before
    /// [`Hub::publish`](crate::Hub::publish) waits; by default 4,096.
    #[must_use]
    pub const fn undelivered(mut self, publications: usize) -> Self {
        self.undelivered = publications;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
