use core::num::NonZeroUsize;
use core::time::Duration;

/// Limits, deadlines and habits of a connection. Every default is finite and safe to expose.
///
/// Built by chaining; shared by many connections behind an `Arc`.
///
/// ```
/// use std::time::Duration;
/// use wskit_proto::Config;
/// let config = Config::new().max_message_size(16 << 20).close_timeout(Duration::from_secs(2));
/// assert_eq!(config.get_limits().max_message_size, 16 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) close_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) auto_pong: bool,
    pub(crate) high_water: usize,
    pub(crate) queue_limit: usize,
    pub(crate) fragment_size: Option<NonZeroUsize>,
}

/// What a peer may make us hold or do (RFC 6455 §10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one message, all fragments together, after decompression. One byte more is
    /// refused with close code 1009, from the frame header where it tells. Default 1 MiB.
    pub max_message_size: usize,
    /// Frames of one message, so that a flood of empty fragments ends (close code 1008).
    /// Default 131,072.
    pub max_fragments: u32,
}

/// Pings that this end sends of its own accord, to notice a peer that has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// A ping is sent this often, whatever else is on the wire; it also measures the round trip. Less
    /// than a millisecond counts as one.
    pub every: Duration,
    /// If nothing at all has come from the peer (nor any byte been taken by it) for this long
    /// after a ping, the connection is given up. Less than a millisecond counts as one.
    pub answer_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The defaults: 1 MiB a message, a ping every 20 s answered within 20 s, 10 s for the opening
    /// handshake, 5 s for the closing one, automatic pongs, 256 KiB of queue before writes wait.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limits: Limits {
                max_message_size: 1 << 20,
                max_fragments: 1 << 17,
            },
            keepalive: Some(Keepalive {
                every: Duration::from_secs(20),
                answer_within: Duration::from_secs(20),
            }),
            idle_timeout: None,
            close_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            auto_pong: true,
            high_water: 256 << 10,
            queue_limit: 1 << 20,
            fragment_size: None,
        }
    }

    /// The largest message that is accepted, in bytes (see [`Limits::max_message_size`]).
    #[must_use]
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.limits.max_message_size = bytes;
        self
    }

    /// The most frames one message may come in (see [`Limits::max_fragments`]); at least 1.
    #[must_use]
    pub const fn max_fragments(mut self, frames: u32) -> Self {
        self.limits.max_fragments = if frames == 0 { 1 } else { frames };
        self
    }

    /// Pings of our own, or `None` for none. Default: every 20 s, answered within 20 s.
    #[must_use]
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Close with 1001 when no message has gone either way for this long. Checked every quarter of
    /// it (at most once a millisecond), so the close comes between `timeout` and 1.25 × `timeout` after
    /// the last message. Less than a millisecond counts as one. Default: none.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long the closing handshake and the end of the transport may take, from our Close on
    /// (RFC 6455 §7.1.1). With 0 the peer's answer is not waited for. Default 5 s.
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long the opening handshake may take as a whole. Default 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Whether pings are answered by themselves (RFC 6455 §5.5.2). Whoever switches it off must
    /// answer them. Default on.
    #[must_use]
    pub const fn auto_pong(mut self, on: bool) -> Self {
        self.auto_pong = on;
        self
    }

    /// Queued bytes from which on sending waits for the socket, and receiving too, so that a peer
    /// that does not read cannot make us hold its answers. At least 1: an empty queue has room for a
    /// message of any size. Default 256 KiB.
    #[must_use]
    pub const fn write_high_water(mut self, bytes: usize) -> Self {
        self.high_water = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Queued bytes from which on the synchronous [`Outbox::feed`](crate::Outbox::feed) refuses.
    /// A message is accepted whole while the queue is below it. At least 1. Default 1 MiB.
    #[must_use]
    pub const fn write_queue_limit(mut self, bytes: usize) -> Self {
        self.queue_limit = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Cut outgoing messages into frames of at most this many payload bytes (RFC 6455 §5.4).
    /// Default: one frame a message.
    #[must_use]
    pub const fn fragment_size(mut self, bytes: Option<NonZeroUsize>) -> Self {
        self.fragment_size = bytes;
        self
    }

    /// The limits in force.
    #[must_use]
    pub const fn get_limits(&self) -> Limits {
        self.limits
    }

    /// Whether pings are answered by themselves.
    #[must_use]
    pub const fn get_auto_pong(&self) -> bool {
        self.auto_pong
    }

    /// How long the closing handshake may take.
    #[must_use]
    pub const fn get_close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// The deadline of the opening handshake, for whoever drives it.
    #[must_use]
    pub const fn get_handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }
}
