use std::sync::atomic::AtomicU64;

use crate::engine::{Command, EngineEvent};
use crate::error::Error;
use crate::stats::{EngineStats, Refused, Stats};
use crate::sync::Ordering;

/// What is counted beside the shards, by calls of the application and of the engine.
#[derive(Debug, Default)]
pub(super) struct Counts {
    published: AtomicU64,
    published_bytes: AtomicU64,
    refused: [AtomicU64; REASONS],
    requests: AtomicU64,
    reads: AtomicU64,
    failures: AtomicU64,
    losses: AtomicU64,
    outages: AtomicU64,
}

const REASONS: usize = 8;

fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}

impl Counts {
    pub(super) fn published(&self, bytes: usize) {
        add(&self.published, 1);
        add(&self.published_bytes, bytes);
    }

    /// Something was refused.
    #[cold]
    pub(super) fn refused(&self, error: &Error) {
        let reason = match error {
            Error::InvalidTopic | Error::TooLarge { .. } => 0,
            Error::UnknownTopic | Error::NoPresence => 1,
            Error::NotGranted => 2,
            Error::TooManyTopics | Error::AlreadySubscribed | Error::TooManyWires => 3,
            Error::TooFast { .. } => 4,
            Error::OutOfMemory => 5,
            Error::Closed => return,
            Error::CallbackPanicked => 6,
            Error::Engine(_) => 7,
        };
        if let Some(counter) = self.refused.get(reason) {
            add(counter, 1);
        }
    }

    /// A command was handed to the engine.
    pub(super) fn command(&self, command: &Command) {
        add(&self.requests, 1);
        add(
            &self.reads,
            usize::from(matches!(command, Command::Read { .. })),
        );
    }

    /// The engine has reported something.
    pub(super) fn event(&self, event: &EngineEvent) {
        let counter = match event {
            EngineEvent::Done { result: Err(_), .. } => &self.failures,
            EngineEvent::Lost => &self.losses,
            EngineEvent::Down => &self.outages,
            _ => return,
        };
        add(counter, 1);
    }

    pub(super) fn add_to(&self, stats: &mut Stats) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [
            invalid,
            unknown,
            not_granted,
            too_many,
            too_fast,
            out_of_memory,
            panicked,
            engine,
        ] = self.refused.each_ref().map(get);
        stats.published = get(&self.published);
        stats.published_bytes = get(&self.published_bytes);
        stats.refused = Refused {
            invalid,
            unknown,
            not_granted,
            too_many,
            too_fast,
            out_of_memory,
            panicked,
            engine,
        };
        stats.engine = EngineStats {
            requests: get(&self.requests),
            reads: get(&self.reads),
            failures: get(&self.failures),
            losses: get(&self.losses),
            outages: get(&self.outages),
        };
    }
}
