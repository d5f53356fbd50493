use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::inner::Inner;
use super::telemetry;
use crate::core::DIRECTORIES;
use crate::error::Error;
use crate::stats::LabelStats;
use crate::sync::{Ordering, lock};

/// How long after a search in vain no histories are looked for that could be forgotten, in nanoseconds.
const FULL: u64 = 100_000_000;

/// What the directories need from time to time: memory, and being called when something is due.
impl Inner {
    // Memory.

    /// Returns about how many bytes the hub takes.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let shards = self
            .shards
            .iter()
            .map(|delivery| delivery.bytes.load(Ordering::Relaxed));
        let topics =
            self.topic_bytes.load(Ordering::Relaxed) + self.encoded_bytes.load(Ordering::Relaxed);
        let rights = self.rights_bytes.load(Ordering::Relaxed);
        (topics, shards.sum::<usize>() + rights)
    }

    /// Makes room for something new.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is nothing to be forgotten.
    pub(super) fn make_room(&self, bytes: usize) -> Result<(), Error> {
        let over = || {
            let (topics, shards) = self.bytes();
            (topics + shards + bytes).checked_sub(self.limits.memory)
        };
        let Some(too_much) = over() else {
            return Ok(());
        };
        // If there was nothing to forget, it is not looked for with each call that is refused.
        let now = self.nanos(self.now());
        if now < self.full_until.load(Ordering::Relaxed) {
            return Err(Error::OutOfMemory);
        }
        // Some more, so that it is not done for each message.
        let mut wanted = too_much + self.limits.memory / 16;
        if let Some(until) = self.used_least(wanted) {
            for number in 0..DIRECTORIES {
                let freed = self.with(number, |directory, _, _| directory.forget(until, wanted));
                wanted = wanted.saturating_sub(freed.unwrap_or(0));
            }
        }
        telemetry::forgot(too_much, self.limits.memory);
        if over().is_some() {
            self.full_until.store(now + FULL, Ordering::Relaxed);
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// Returns until when the histories were used that were used least recently and have `bytes` together;
    /// `None` if there are none.
    fn used_least(&self, bytes: usize) -> Option<Instant> {
        let mut histories = Vec::new();
        for number in 0..DIRECTORIES {
            self.with(number, |directory, _, _| {
                directory.histories(&mut histories);
            });
        }
        histories.sort_unstable();
        let newest = histories.last().map(|(used, _)| *used);
        let mut sum = 0;
        let mut oldest_first = histories.into_iter();
        let last = oldest_first.find(|(_, bytes_of_it)| {
            sum += bytes_of_it;
            sum >= bytes
        });
        last.map(|(used, _)| used).or(newest)
    }

    // Time.

    fn nanos(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn note_due(&self, at: Option<Instant>) {
        let Some(at) = at.map(|at| self.nanos(at)) else {
            return;
        };
        // Most calls change nothing, and only read.
        if self.due.load(Ordering::Relaxed) > at && self.due.fetch_min(at, Ordering::Relaxed) > at {
            // Its alarm is set for later.
            self.schedule.nudge_first();
        }
    }

    /// Returns when [`handle_timeout`](Inner::handle_timeout) has something to do.
    pub(super) fn due(&self) -> Option<u64> {
        let due = self.due.load(Ordering::Relaxed);
        (due != u64::MAX).then_some(due)
    }

    /// Returns how long it is until then.
    pub(super) fn until(&self, due: u64) -> Duration {
        Duration::from_nanos(due.saturating_sub(self.nanos(self.now())))
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&self) {
        if self.due().is_some_and(|due| self.until(due).is_zero()) {
            self.due.store(u64::MAX, Ordering::Relaxed);
            for number in 0..DIRECTORIES {
                // This handles its timeout, and notes the next.
                self.with(number, |_, _, _| ());
            }
        }
    }

    pub(super) fn topics(&self) -> usize {
        self.directories
            .iter()
            .map(|directory| lock(directory).len())
            .sum()
    }

    pub(super) fn labels(&self) -> BTreeMap<&'static str, LabelStats> {
        let mut labels = BTreeMap::new();
        for directory in &self.directories {
            lock(directory).count_labels(&mut labels);
        }
        labels
    }
}
