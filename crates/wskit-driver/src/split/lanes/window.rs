use std::time::Duration;

use super::pace::Pace;

/// How many messages of a lane may be unanswered, found from the round trips of their pings.
///
/// Modelled on delay-based congestion control (TCP Vegas, LEDBAT): the round trip beyond the least one
/// is the time that a message waits behind others, here also behind a program that reads slowly. The
/// limit grows while that time is short and the limit is what holds messages back, and shrinks when it
/// is long. The least round trip is only ever raised by a message that was alone on its way: it cannot
/// creep up with the queue that it is compared with.
///
/// One round trip is judged for each limit: the messages that had left before a change are not looked at.
#[derive(Debug)]
pub(super) struct Window {
    target: Duration,
    limit: usize,
    least: Duration,
    /// Messages that left before the last judgement and are still to be answered.
    unjudged: usize,
    /// Round trips until the limit may grow again.
    patience: u32,
    /// The limit has been too high once: it grows by one at a time from now on.
    has_overshot: bool,
}

/// Round trips without growth after the limit has shrunk. Without them a path that can hold one message
/// would hold two half of the time.
const PATIENCE: u32 = 8;

/// An answered message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// From the write to the pong of its own ping; `None` if only a later ping was answered.
    pub(super) round_trip: Option<Duration>,
    /// Messages of the lane that were unanswered when it left.
    pub(super) ahead: usize,
    /// Messages of the lane that are unanswered still.
    pub(super) unanswered: usize,
    /// The limit has held a message back since the last judgement.
    pub(super) is_limited: bool,
}

impl Window {
    pub(super) fn new(target: Duration) -> Self {
        Self {
            target,
            limit: 1,
            least: Duration::MAX,
            unjudged: 0,
            patience: 0,
            has_overshot: false,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes a message that was answered into account. Returns whether the limit was judged by it.
    pub(super) fn answered(&mut self, message: Answered) -> bool {
        let Some(round_trip) = message.round_trip else {
            self.unjudged = self.unjudged.saturating_sub(1);
            return false;
        };
        // A peer may answer only when it has read those behind it.
        let was_alone = message.ahead == 0 && message.unanswered == 0;
        if was_alone || round_trip < self.least {
            self.least = round_trip;
        }
        if self.unjudged > 0 {
            self.unjudged -= 1;
            return false;
        }
        let waited = round_trip.saturating_sub(self.least);
        if waited > self.target {
            self.shrink(waited);
        } else if message.ahead < self.limit.saturating_sub(1) {
            // It does not show what the limit leads to.
            return false;
        } else if message.is_limited {
            self.grow();
        }
        self.unjudged = message.unanswered;
        true
    }

    /// Shrinks in proportion, by one at least.
    fn shrink(&mut self, waited: Duration) {
        let limit = (self.limit as u128).saturating_mul(self.target.as_nanos());
        let limit = limit.checked_div(waited.as_nanos()).unwrap_or(0);
        let limit = usize::try_from(limit).unwrap_or(Pace::MOST);
        self.limit = limit.min(self.limit.saturating_sub(1)).max(1);
        self.patience = PATIENCE;
        self.has_overshot = true;
    }

    fn grow(&mut self) {
        if self.patience > 0 {
            self.patience -= 1;
            return;
        }
        let by = if self.has_overshot { 1 } else { self.limit / 2 };
        self.limit = self.limit.saturating_add(by.max(1)).min(Pace::MOST);
    }
}

#[cfg(test)]
mod tests;
