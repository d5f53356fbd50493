use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::guard::{Guard, holds};
use crate::entry::Entry;

/// The newest messages of a topic, in order of their offsets.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    /// The messages after this offset are all here.
    floor: u64,
    bytes: usize,
}

impl Ring {
    /// Adds a message, and forgets the oldest beyond `most`.
    pub(crate) fn push(&mut self, entry: Arc<Entry>, most: usize) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > most {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.bytes();
            self.floor = entry.offset();
        }
    }

    /// Forgets the messages that came before `time`.
    pub(crate) fn forget_before(&mut self, time: Instant) {
        while self.entries.front().is_some_and(|entry| entry.at < time) {
            self.forget_oldest();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Forgets all messages. What follows comes after `floor`.
    pub(crate) fn reset(&mut self, floor: u64) {
        *self = Self {
            floor,
            ..Self::default()
        };
    }

    /// Returns all messages after an offset, or `None` if some of them are gone.
    pub(crate) fn after(&self, offset: u64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        let from = self
            .entries
            .partition_point(|entry| entry.offset() <= offset);
        holds(Guard::Floor, offset >= self.floor).then(|| self.entries.range(from..))
    }

    /// Returns the messages that are there.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Entry>> + DoubleEndedIterator {
        self.entries.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many bytes the messages take, and the places for them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.entries.capacity() * size_of::<Arc<Entry>>()
    }
}
