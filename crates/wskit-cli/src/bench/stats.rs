//! What is counted: by each thread for itself, and for all to see.

use std::collections::BTreeMap;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

use super::worker::Shared;
use crate::exit::Exit;

/// Numbers of one thread, which alone changes them; others may look.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Connections whose attempt is over.
    pub(crate) settled: Count,
    pub(crate) opened: Count,
    pub(crate) open: Count,
    pub(crate) errors: Count,
    /// Connections with messages that are not answered.
    pub(crate) busy: Count,
    pub(crate) sent: Count,
    pub(crate) received: Count,
    pub(crate) bytes_sent: Count,
    pub(crate) bytes_received: Count,
}

/// A number that one thread changes.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds to it. Not atomic: only its own thread writes.
    pub(crate) fn add(&self, number: u64) {
        self.0.store(self.get() + number, Ordering::Relaxed);
    }

    pub(crate) fn less_one(&self) {
        self.0.store(self.get() - 1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was sent and received up to a moment, or between two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl Snapshot {
    pub(crate) fn of(shared: &Shared) -> Self {
        Self {
            sent: shared.total(|live| &live.sent),
            received: shared.total(|live| &live.received),
            bytes_sent: shared.total(|live| &live.bytes_sent),
            bytes_received: shared.total(|live| &live.bytes_received),
        }
    }
}

impl Sub for Snapshot {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            received: self.received - before.received,
            bytes_sent: self.bytes_sent - before.bytes_sent,
            bytes_received: self.bytes_received - before.bytes_received,
        }
    }
}

/// Latencies and errors.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// In nanoseconds, with three digits.
    pub(crate) latencies: Option<Histogram<u64>>,
    pub(crate) errors: BTreeMap<String, u64>,
    /// The exit code of the first error.
    pub(crate) first: Option<Exit>,
    /// Messages that were to be answered, and were not.
    pub(crate) unanswered: u64,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            // From a microsecond to an hour: valid bounds.
            latencies: Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3).ok(),
            ..Self::default()
        }
    }

    /// Counts a latency.
    pub(crate) fn latency(&mut self, nanos: u64) {
        if let Some(latencies) = &mut self.latencies {
            latencies.saturating_record(nanos);
        }
    }

    /// Counts an error by its kind.
    pub(crate) fn error(&mut self, kind: String, exit: Exit) {
        self.first.get_or_insert(exit);
        let kind = if self.errors.len() < MOST_KINDS || self.errors.contains_key(&kind) {
            kind
        } else {
            "others".into()
        };
        *self.errors.entry(kind).or_default() += 1;
    }

    /// Adds what another thread has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let (Some(mine), Some(theirs)) = (&mut self.latencies, &other.latencies) {
            let _ = mine.add(theirs); // the bounds are the same
        }
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        self.first = self.first.or(other.first);
        self.unanswered += other.unanswered;
    }
}

/// How many kinds of errors are told apart.
const MOST_KINDS: usize = 50;
