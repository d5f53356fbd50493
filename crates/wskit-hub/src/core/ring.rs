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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::entry::Content;
    use crate::position::{Epoch, Position};
    use crate::publication::{Publication, Published};

    #[derive(Clone, Debug)]
    enum Op {
        /// How far after the offset before, how many milliseconds later, of how many bytes.
        Push(u64, u64, usize),
        /// The age in milliseconds.
        ForgetBefore(u64),
        /// How far after the offset before.
        Reset(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => (1..4u64, 0..50u64, 0..20usize).prop_map(|(a, b, c)| Op::Push(a, b, c)),
            2 => (0..200u64).prop_map(Op::ForgetBefore),
            1 => (0..5u64).prop_map(Op::Reset),
        ]
    }

    fn entry(offset: u64, len: usize, at: Instant) -> Arc<Entry> {
        let epoch = Epoch::new(1);
        let message = Published {
            topic: "topic".into(),
            position: Position { epoch, offset },
            publication: Publication::binary(vec![0; len]),
        };
        Entry::new(offset, Content::Message(message), at)
    }

    proptest! {
        /// A list of all messages, of which those beyond a number, before a time or before a reset are gone.
        #[test]
        fn the_ring_is_the_end_of_a_list(most in 1..9usize, ops in prop::collection::vec(op(), 0..60)) {
            let (mut ring, mut list) = (Ring::default(), Vec::<Arc<Entry>>::new());
            let (mut offset, mut floor, mut now) = (0, 0, Instant::now());
            for op in ops {
                let mut gone = 0;
                match op {
                    Op::Push(further, later, len) => {
                        offset += further;
                        now += Duration::from_millis(later);
                        list.push(entry(offset, len, now));
                        ring.push(entry(offset, len, now), most);
                        gone = list.len().saturating_sub(most);
                    }
                    Op::ForgetBefore(age) => {
                        let time = now.checked_sub(Duration::from_millis(age)).unwrap();
                        ring.forget_before(time);
                        gone = list.iter().filter(|entry| entry.at < time).count();
                    }
                    Op::Reset(further) => {
                        offset += further;
                        ring.reset(offset);
                        list.clear();
                        floor = offset;
                    }
                }
                if let Some(last) = list.drain(..gone).next_back() {
                    floor = last.offset();
                }
                let offsets = |entries: &mut dyn Iterator<Item = &Arc<Entry>>| {
                    entries.map(|entry| entry.offset()).collect::<Vec<_>>()
                };
                prop_assert_eq!(offsets(&mut ring.iter()), offsets(&mut list.iter()));
                prop_assert_eq!(ring.is_empty(), list.is_empty());
                for after in 0..offset + 2 {
                    let known = ring.after(after).map(|mut entries| offsets(&mut entries));
                    let mut newer = list.iter().filter(|entry| entry.offset() > after);
                    prop_assert_eq!(known, (after >= floor).then(|| offsets(&mut newer)));
                }
                let bytes: usize = list.iter().map(|entry| entry.bytes()).sum();
                let places = ring.bytes() - bytes;
                prop_assert!(places <= 2 * most.next_power_of_two().max(4) * size_of::<usize>());
            }
        }
    }
}
