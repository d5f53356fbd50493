use core::time::Duration;
use std::time::Instant;

use crate::config::Config;

/// The deadlines of a connection, in nanoseconds since it began. It has no clock.
#[derive(Debug)]
pub(crate) struct Timers {
    epoch: Instant,
    /// When the next ping is due; from the first Close on, when the connection is given up.
    next_ping: u64,
    /// When the outstanding ping must have been answered.
    answer_by: u64,
    ping_at: u64,
    ping_id: u32,
    /// When the last ping left: bytes that had not been acknowledged; 0 if the transport could not
    /// tell.
    pub(crate) unacknowledged: u32,
    /// When the last ping left: bytes that had been acknowledged in all.
    pub(crate) acknowledged: u64,
    round_trip: u64,
    idle_check: u64,
    last_active: u64,
    /// Whether a Close has been sent or has come.
    closing: bool,
    /// The earliest deadline: read at every wait, changed rarely.
    next: Option<Instant>,
}

/// What to do when a deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send this keepalive ping.
    Ping([u8; 4]),
    /// Look for other evidence of life: the ping has not been answered.
    Answer,
    /// Check whether a message has gone since the last check.
    Idle,
    /// Give the connection up: the closing handshake took too long.
    Close,
}

const NEVER: u64 = u64::MAX;
/// The shortest time until something is due again, in nanoseconds.
const LEAST: u64 = 1_000_000;

impl Timers {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let mut timers = Self {
            epoch: now,
            next_ping: config
                .keepalive
                .map_or(NEVER, |keepalive| floored(keepalive.every)),
            answer_by: NEVER,
            ping_at: NEVER,
            ping_id: 0,
            unacknowledged: 0,
            acknowledged: 0,
            round_trip: NEVER,
            idle_check: config.idle_timeout.map_or(NEVER, quarter),
            last_active: 0,
            closing: false,
            next: None,
        };
        timers.find_next();
        timers
    }

    /// Returns the earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    fn find_next(&mut self) {
        let next = self.next_ping.min(self.answer_by).min(self.idle_check);
        self.next = if next == NEVER {
            None
        } else {
            self.epoch.checked_add(Duration::from_nanos(next))
        };
    }

    /// Returns one deadline that has passed, the gravest first.
    pub(crate) fn due(&mut self, now: Instant, config: &Config) -> Option<Due> {
        let due = self.take_due(self.ticks(now), config);
        self.find_next();
        due
    }

    fn take_due(&mut self, now: u64, config: &Config) -> Option<Due> {
        if self.closing {
            if self.next_ping > now {
                return None;
            }
            self.stop();
            return Some(Due::Close);
        }
        if self.answer_by <= now {
            // Without any evidence of life this is the end; with some, the next ping asks again. Waiting
            // longer for this pong would be wrong: §5.5.3 lets the peer answer only a later ping.
            self.answer_by = NEVER;
            return Some(Due::Answer);
        }
        if self.next_ping <= now {
            let Some(keepalive) = config.keepalive else {
                self.next_ping = NEVER;
                return None;
            };
            self.next_ping = now.saturating_add(floored(keepalive.every));
            if self.answer_by == NEVER {
                self.answer_by = now
                    .saturating_add(floored(keepalive.answer_within))
                    .min(NEVER - 1);
                self.ping_at = now;
                self.ping_id = self.ping_id.wrapping_add(1);
                return Some(Due::Ping(self.ping_id.to_be_bytes()));
            }
        }
        if self.idle_check <= now {
            self.idle_check = now.saturating_add(config.idle_timeout.map_or(NEVER, quarter));
            return Some(Due::Idle);
        }
        None
    }

    /// Returns whether a pong answers the keepalive's ping.
    pub(crate) fn pong(&mut self, payload: &[u8], now: impl FnOnce() -> Instant) -> bool {
        let answers = self.ping_at != NEVER && payload == self.ping_id.to_be_bytes();
        if answers {
            self.round_trip = self.ticks(now()).saturating_sub(self.ping_at);
            self.ping_at = NEVER;
            self.answer_by = NEVER;
            self.find_next();
        }
        answers
    }

    /// Postpones the answer that is due by as long as a ping may wait for it.
    pub(crate) fn postpone_answer(&mut self, now: Instant, config: &Config) {
        if let Some(keepalive) = config.keepalive {
            // Never due at once, so that the loop over due deadlines ends.
            let within = nanos(keepalive.answer_within).max(LEAST);
            self.answer_by = self.ticks(now).saturating_add(within).min(NEVER - 1);
            self.find_next();
        }
    }

    /// Returns whether no message has gone for the idle timeout, given whether one has since the last
    /// check.
    pub(crate) fn is_idle(&mut self, active: bool, now: Instant, config: &Config) -> bool {
        let now = self.ticks(now);
        if active {
            self.last_active = now;
        }
        config
            .idle_timeout
            .is_some_and(|timeout| now.saturating_sub(self.last_active) >= floored(timeout))
    }

    /// Starts the close deadline and stops the others.
    pub(crate) fn start_closing(&mut self, config: &Config, now: impl FnOnce() -> Instant) {
        if !self.closing {
            self.closing = true;
            self.next_ping = self
                .ticks(now())
                .saturating_add(nanos(config.close_timeout))
                .min(NEVER - 1);
            self.answer_by = NEVER;
            self.idle_check = NEVER;
            self.find_next();
        }
    }

    /// Stops all deadlines.
    pub(crate) fn stop(&mut self) {
        self.closing = false;
        self.next_ping = NEVER;
        self.answer_by = NEVER;
        self.idle_check = NEVER;
        self.next = None;
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        (self.round_trip != NEVER).then(|| Duration::from_nanos(self.round_trip))
    }

    fn ticks(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.epoch))
    }
}

/// Returns how often the idle timeout is checked.
fn quarter(timeout: Duration) -> u64 {
    (nanos(timeout) / 4).max(LEAST)
}

/// Returns an interval of at least a millisecond. If shorter, a driver that does what is due before it
/// waits would never wait.
fn floored(duration: Duration) -> u64 {
    nanos(duration).max(LEAST)
}

/// Converts to nanoseconds; `u64` holds 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
