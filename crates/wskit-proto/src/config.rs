use core::num::NonZeroUsize;
use core::time::Duration;

/// Settings of a connection: limits, deadlines and behaviour. Every default is finite and safe on the
/// open internet.
///
/// Build one by chaining; share it between connections in an `Arc`. The getter of a setting has its
/// name with `get_` before it.
///
/// ```
/// use std::time::Duration;
/// use wskit_proto::Config;
/// let config = Config::new().max_message_size(16 << 20).close_timeout(Duration::from_secs(2));
/// assert_eq!(config.get_max_message_size(), 16 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) close_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) auto_pong: bool,
    pub(crate) accept_unmasked: bool,
    pub(crate) write_high_water: usize,
    pub(crate) write_queue_limit: usize,
    pub(crate) fragment_size: Option<NonZeroUsize>,
    pub(crate) read_budget: usize,
}

/// Limits on what a peer may make this end hold or do (RFC 6455 §10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message in bytes, all fragments together, after decompression. One byte more is
    /// refused with close code 1009, from the frame header where that suffices. Default 1 MiB.
    pub max_message_size: usize,
    /// The most frames of one message, so that a flood of empty fragments ends (close code 1008).
    /// Default 131,072.
    pub max_fragments: u32,
    /// The largest payload of one frame in bytes. A longer one is refused with close code 1009, from its
    /// header. No default: a frame may be as large as a message.
    pub max_frame_size: usize,
}

/// Pings that this end sends automatically, to notice a peer that has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How often a ping is sent, whatever else is on the wire; it also measures the round trip. Less
    /// than a millisecond counts as one.
    pub every: Duration,
    /// How long after a ping the connection is given up, if the peer has sent nothing and has taken
    /// nothing since. Less than a millisecond counts as one.
    pub answer_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Returns the defaults: 1 MiB a message, a ping every 20 s answered within 20 s, 10 s for the opening
    /// handshake, 5 s for the closing one, automatic pongs, 256 KiB of queue before writes wait, 1 MiB read in a row.
    pub const fn new() -> Self {
        Self {
            limits: Limits {
                max_message_size: 1 << 20,
                max_fragments: 1 << 17,
                max_frame_size: usize::MAX,
            },
            keepalive: Some(Keepalive {
                every: Duration::from_secs(20),
                answer_within: Duration::from_secs(20),
            }),
            idle_timeout: None,
            close_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            auto_pong: true,
            accept_unmasked: false,
            write_high_water: 256 << 10,
            write_queue_limit: 1 << 20,
            fragment_size: None,
            read_budget: 1 << 20,
        }
    }

    /// Sets the largest message that is accepted, in bytes (see [`Limits::max_message_size`]).
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.limits.max_message_size = bytes;
        self
    }

    /// Sets the largest payload of one frame in bytes (see [`Limits::max_frame_size`]).
    pub const fn max_frame_size(mut self, bytes: usize) -> Self {
        self.limits.max_frame_size = bytes;
        self
    }

    /// Sets whether a server takes frames without a mask too. Off by default, as RFC 6455 §5.1 requires:
    /// this is for clients that break the rule and cannot be changed. A client is not affected.
    pub const fn accept_unmasked(mut self, on: bool) -> Self {
        self.accept_unmasked = on;
        self
    }

    /// Sets the most frames of one message (see [`Limits::max_fragments`]); at least 1.
    pub const fn max_fragments(mut self, frames: u32) -> Self {
        self.limits.max_fragments = if frames == 0 { 1 } else { frames };
        self
    }

    /// Sets the automatic pings; `None` sends none. Default: every 20 s, answered within 20 s.
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Sets after how long without a message in either direction the connection is closed with 1001.
    ///
    /// It is checked every quarter of `timeout` (at most once a millisecond), so the close comes between
    /// `timeout` and 1.25 × `timeout` after the last message. Less than a millisecond counts as one.
    /// Default: none.
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets how long the closing handshake and the end of the transport may take, from our Close on
    /// (RFC 6455 §7.1.1). 0 does not wait for the peer's answer. Default 5 s.
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets how long the opening handshake may take as a whole. Default 10 s.
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets whether pings are answered automatically (RFC 6455 §5.5.2). If not, the program must answer
    /// them with [`Outbox::pong`](crate::Outbox::pong). Default on.
    pub const fn auto_pong(mut self, on: bool) -> Self {
        self.auto_pong = on;
        self
    }

    /// Sets from how many queued bytes on sending waits for the socket, and receiving too, so that a
    /// peer that does not read cannot make this end hold its answers. At least 1: an empty queue has
    /// room for a message of any size. Default 256 KiB.
    pub const fn write_high_water(mut self, bytes: usize) -> Self {
        self.write_high_water = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Sets from how many queued bytes on the synchronous [`Outbox::feed`](crate::Outbox::feed) refuses.
    /// While the queue is below, a message of any size is accepted whole. At least 1. Default 1 MiB.
    pub const fn write_queue_limit(mut self, bytes: usize) -> Self {
        self.write_queue_limit = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Sets the most payload bytes of an outgoing frame; larger messages are cut (RFC 6455 §5.4).
    /// Default: one frame a message.
    pub const fn fragment_size(mut self, bytes: Option<NonZeroUsize>) -> Self {
        self.fragment_size = bytes;
        self
    }

    /// Sets how many bytes a connection reads in a row, however fast its peer is, before it lets the other
    /// tasks of its thread run. At least 4 and at most 1 GiB. Default 1 MiB.
    ///
    /// It stands for time: a byte of a large message counts once, a byte of small messages four times, and
    /// compressed data as it comes out. 1 MiB takes about half a millisecond of any of these, with its
    /// answer to a large message. All connections that flood have their turn before a quiet one has its
    /// next, so a smaller budget shortens the wait of quiet connections, and a larger one lets a few more
    /// bytes through where many connections send large messages at once.
    ///
    /// A driver ends a turn between two messages where it can; inside a message larger than the budget it
    /// ends after twice the budget.
    pub const fn read_budget(mut self, bytes: usize) -> Self {
        const MOST: usize = 1 << 30;
        self.read_budget = match bytes {
            0..4 => 4,
            4..MOST => bytes,
            _ => MOST,
        };
        self
    }

    /// Returns [`max_message_size`](Config::max_message_size).
    pub const fn get_max_message_size(&self) -> usize {
        self.limits.max_message_size
    }

    /// Returns [`max_frame_size`](Config::max_frame_size).
    pub const fn get_max_frame_size(&self) -> usize {
        self.limits.max_frame_size
    }

    /// Returns [`accept_unmasked`](Config::accept_unmasked).
    pub const fn get_accept_unmasked(&self) -> bool {
        self.accept_unmasked
    }

    /// Returns [`max_fragments`](Config::max_fragments).
    pub const fn get_max_fragments(&self) -> u32 {
        self.limits.max_fragments
    }

    /// Returns both limits, as [`Inbound::set_limits`](crate::Inbound::set_limits) takes them.
    pub const fn get_limits(&self) -> Limits {
        self.limits
    }

    /// Returns [`keepalive`](Config::keepalive).
    pub const fn get_keepalive(&self) -> Option<Keepalive> {
        self.keepalive
    }

    /// Returns [`idle_timeout`](Config::idle_timeout).
    pub const fn get_idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    /// Returns [`close_timeout`](Config::close_timeout).
    pub const fn get_close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// Returns [`handshake_timeout`](Config::handshake_timeout).
    pub const fn get_handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// Returns [`auto_pong`](Config::auto_pong).
    pub const fn get_auto_pong(&self) -> bool {
        self.auto_pong
    }

    /// Returns [`write_high_water`](Config::write_high_water).
    pub const fn get_write_high_water(&self) -> usize {
        self.write_high_water
    }

    /// Returns [`write_queue_limit`](Config::write_queue_limit).
    pub const fn get_write_queue_limit(&self) -> usize {
        self.write_queue_limit
    }

    /// Returns [`fragment_size`](Config::fragment_size).
    pub const fn get_fragment_size(&self) -> Option<NonZeroUsize> {
        self.fragment_size
    }

    /// Returns [`read_budget`](Config::read_budget).
    pub const fn get_read_budget(&self) -> usize {
        self.read_budget
    }
}
