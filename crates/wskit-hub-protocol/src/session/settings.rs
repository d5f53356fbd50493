use std::time::Duration;

/// Times and limits of sessions. Each has a default that suits a server on the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Settings {
    pub(super) connect_within: Duration,
    pub(super) ping_every: Duration,
    pub(super) pong_within: Duration,
    pub(super) frame: usize,
    pub(super) commands_per_sec: u32,
    pub(super) rpcs: u8,
}

impl Settings {
    /// Returns the defaults.
    pub const fn new() -> Self {
        Self {
            connect_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            pong_within: Duration::from_secs(8),
            frame: 64 << 10,
            commands_per_sec: 100,
            rpcs: 8,
        }
    }

    /// Sets how long a client has until its session has begun; by default 10 s.
    pub const fn connect_within(mut self, time: Duration) -> Self {
        self.connect_within = time;
        self
    }

    /// Sets how often clients are pinged, in whole seconds, at least 1; by default each 25 s. Clients are told so, and
    /// take the connection for broken if pings are late.
    pub const fn ping_every(mut self, time: Duration) -> Self {
        let secs = time.as_secs();
        self.ping_every = Duration::from_secs(if secs == 0 { 1 } else { secs });
        self
    }

    /// Sets how long a client has to answer a ping; by default 8 s.
    pub const fn pong_within(mut self, time: Duration) -> Self {
        self.pong_within = time;
        self
    }

    /// Sets how large a frame of a client may be; by default 64 KiB. It may have several commands.
    pub const fn frame(mut self, bytes: usize) -> Self {
        self.frame = bytes;
        self
    }

    /// Sets how many commands a second a client may send, and four times as many at once; by default 100. A client
    /// that sends more is disconnected. See also `Limits::commands_per_sec` of the hub, beyond which commands
    /// are refused.
    pub const fn commands_per_sec(mut self, commands: u32) -> Self {
        self.commands_per_sec = commands;
        self
    }

    /// Sets how many procedures of a client may run at once; by default 8. Commands that follow wait.
    pub const fn rpcs(mut self, rpcs: u8) -> Self {
        self.rpcs = if rpcs == 0 { 1 } else { rpcs };
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
