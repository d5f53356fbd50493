use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::sync::Arc;

use crate::entry::Entry;

/// The entries of a topic that some subscribers of the shard have not got, without gaps.
#[derive(Debug)]
pub(super) struct Window {
    entries: VecDeque<Arc<Entry>>,
    /// The index of the first of them.
    base: u64,
}

/// The places for entries that a window keeps while it is empty.
const IDLE_PLACES: usize = 4;

impl Window {
    /// Creates one that begins with this index.
    pub(super) fn new(base: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            base,
        }
    }

    /// Adds the next entry.
    pub(super) fn push(&mut self, entry: Arc<Entry>) {
        debug_assert_eq!(entry.index, self.end());
        self.entries.push_back(entry);
    }

    /// Returns the index of the oldest entry that is there.
    #[inline]
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Returns the index after the newest entry.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Returns the entries from an index on that is not below the [`base`](Window::base).
    #[inline]
    pub(super) fn from(&self, index: u64) -> Iter<'_, Arc<Entry>> {
        let skipped = usize::try_from(index.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.entries.range(skipped.min(self.entries.len())..)
    }

    /// Forgets the oldest entries, except for `keep` of them.
    pub(super) fn trim(&mut self, keep: usize) {
        if keep == 0 {
            self.base = self.end();
            self.entries.clear();
            // An idle topic holds no large buffer.
            self.entries.shrink_to(IDLE_PLACES);
            return;
        }
        while self.entries.len() > keep {
            self.entries.pop_front();
            self.base += 1;
        }
    }

    /// Returns the index of the newest message; an entry may be something else.
    pub(super) fn newest_message(&self) -> Option<u64> {
        let place = self
            .entries
            .iter()
            .rposition(|entry| entry.message().is_some())?;
        Some(self.base + place as u64)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
