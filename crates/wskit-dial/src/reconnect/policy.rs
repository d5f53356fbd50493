use std::time::Duration;

use super::backoff::Backoff;
use super::loss::Loss;
use super::verdict::Verdict;

/// When a lost connection is replaced. Sans-I/O.
pub(super) struct Policy {
    pub(super) backoff: Backoff,
    pub(super) healthy_after: Duration,
    pub(super) retries: Option<u32>,
    pub(super) classify: Option<Box<Classify>>,
}

type Classify = dyn Fn(&Loss) -> Verdict + Send + Sync;

/// What comes after a loss.
pub(super) enum Next {
    Attempt { delay: Duration },
    GiveUp { exhausted: bool },
    Done,
}

impl Policy {
    pub(super) fn new() -> Self {
        Self {
            backoff: Backoff::new(),
            healthy_after: Duration::from_secs(60),
            retries: None,
            classify: None,
        }
    }

    /// Decides about a loss. `lasted` is how long the connection was open, if it was.
    pub(super) fn decide(&mut self, loss: &Loss, lasted: Option<Duration>, random: u64) -> Next {
        if lasted.is_some_and(|lasted| lasted >= self.healthy_after) {
            self.backoff.reset();
        }
        let verdict = match &self.classify {
            Some(classify) => classify(loss),
            None => Verdict::of(loss),
        };
        let least = match verdict {
            Verdict::Retry => Duration::ZERO,
            Verdict::RetryAfter(time) => time,
            Verdict::Done => return Next::Done,
            Verdict::GiveUp => return Next::GiveUp { exhausted: false },
        };
        let given = self.backoff.given();
        if self.retries.is_some_and(|limit| given >= limit) {
            return Next::GiveUp { exhausted: true };
        }
        // RFC 6455 §7.2.3: never at once.
        let delay = self.backoff.next_delay(random).max(least);
        Next::Attempt { delay }
    }
}
