use std::collections::VecDeque;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::time::Instant;
use wskit_hub::{Position, RequestId};

use crate::error::Failure;

/// How long it takes until a message that was not stored is sent again.
const PAUSE: Duration = Duration::from_millis(150);

/// The messages of a topic that have no answer, in their order.
///
/// One that was not stored is sent again when none of the topic is under way any more, so that it comes before
/// those that follow it. If one that follows was stored meanwhile, it has failed.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) entries: VecDeque<Entry>,
    /// The last of those that were stored: one before it is not sent again.
    pub(crate) stored: Option<u64>,
    /// When those that are not under way are sent again.
    pub(crate) resume: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) waiting: Waiting,
    pub(crate) subject: String,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) payload: Bytes,
    pub(crate) has_id: bool,
    /// Since when it has been under way; `None` if it is to be sent again.
    pub(crate) since: Option<Instant>,
}

/// A publication that the hub waits for.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: RequestId,
    pub(crate) bytes: usize,
    pub(crate) deadline: Instant,
}

impl Lane {
    pub(crate) fn place(&self, number: u64) -> Option<usize> {
        let place = self
            .entries
            .binary_search_by_key(&number, |entry| entry.number);
        place.ok()
    }

    /// A message has its answer. Returns the messages that have a result now.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        result: Result<Position, Failure>,
    ) -> Vec<(Entry, Result<Position, Failure>)> {
        let mut settled = Vec::new();
        let Some(place) = self.place(number) else {
            return settled;
        };
        match result {
            Err(failure) if failure.is_passing() && self.stored < Some(number) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    entry.since = None;
                }
            }
            result => {
                let is_stored = result.is_ok();
                if is_stored {
                    self.stored = self.stored.max(Some(number));
                }
                settled.extend(self.entries.remove(place).map(|entry| (entry, result)));
                let mut i = 0;
                while let Some(entry) = self.entries.get(i).filter(|_| is_stored) {
                    if entry.number > number {
                        break;
                    }
                    if entry.since.is_some() {
                        i += 1;
                        continue;
                    }
                    let late = self.entries.remove(i);
                    settled.extend(late.map(|entry| (entry, Err(Failure::NoResponders))));
                }
            }
        }
        self.rest();
        settled
    }

    /// When none is under way, those that failed are sent again a moment later, in their order.
    pub(crate) fn rest(&mut self) {
        let is_at_rest = self.entries.iter().all(|entry| entry.since.is_none());
        if is_at_rest && self.resume.is_none() && !self.entries.is_empty() {
            self.resume = Some(Instant::now() + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wskit_hub::Epoch;

    fn lane(entries: u64) -> Lane {
        let entry = |number| Entry {
            number,
            waiting: Waiting {
                id: RequestId(number),
                bytes: 0,
                deadline: Instant::now(),
            },
            subject: String::new(),
            headers: None,
            payload: Bytes::new(),
            has_id: false,
            since: Some(Instant::now()),
        };
        Lane {
            entries: (0..entries).map(entry).collect(),
            ..Lane::default()
        }
    }

    fn stored() -> Result<Position, Failure> {
        Some(Position {
            epoch: Epoch::new(1),
            offset: 1,
        })
        .ok_or(Failure::Timeout)
    }

    fn numbers(settled: &[(Entry, Result<Position, Failure>)]) -> Vec<(u64, bool)> {
        let settled = settled.iter();
        settled
            .map(|(entry, result)| (entry.number, result.is_ok()))
            .collect()
    }

    #[test]
    fn what_was_not_stored_is_sent_again_when_nothing_is_under_way() {
        let mut lane = lane(2);
        assert!(lane.answered(0, Err(Failure::NoResponders)).is_empty());
        assert!(lane.resume.is_none());
        assert!(lane.answered(1, Err(Failure::NoResponders)).is_empty());
        assert!(lane.resume.is_some());
        let waiting: Vec<_> = lane.entries.iter().map(|entry| entry.number).collect();
        assert_eq!(waiting, [0, 1]);
    }

    #[test]
    fn what_would_come_after_one_that_follows_it_has_failed() {
        let mut lane = lane(5);
        assert!(lane.answered(0, Err(Failure::NoResponders)).is_empty());
        assert!(lane.answered(3, Err(Failure::NoResponders)).is_empty());
        // 1 may be stored still: its answer is under way. 3 comes after 2.
        assert_eq!(
            numbers(&lane.answered(2, stored())),
            [(2, true), (0, false)]
        );
        let waiting: Vec<_> = lane.entries.iter().map(|entry| entry.number).collect();
        assert_eq!(waiting, [1, 3, 4]);
    }

    #[test]
    fn what_follows_may_be_stored_before_it_is_known_that_this_was_not() {
        let mut lane = lane(2);
        assert_eq!(numbers(&lane.answered(1, stored())), [(1, true)]);
        let settled = lane.answered(0, Err(Failure::NoResponders));
        assert_eq!(numbers(&settled), [(0, false)]);
    }

    #[test]
    fn what_is_refused_is_not_sent_again() {
        let mut lane = lane(1);
        let refused = Failure::Api {
            code: 10077,
            text: String::new(),
        };
        assert_eq!(numbers(&lane.answered(0, Err(refused))), [(0, false)]);
        assert!(lane.entries.is_empty() && lane.resume.is_none());
        assert!(lane.answered(0, stored()).is_empty());
    }

    proptest! {
        /// A server that stores or refuses in the order of sending, whatever it answers and when.
        #[test]
        fn what_is_stored_is_in_order(
            stores in proptest::collection::vec(any::<bool>(), 1..200),
            late in proptest::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            const MESSAGES: u64 = 20;
            let mut lane = lane(MESSAGES);
            let (mut stores, mut late) = (stores.into_iter(), late.into_iter());
            let mut sent: Vec<u64> = (0..MESSAGES).collect();
            let mut log = Vec::new();
            let mut settled = 0;
            while !lane.entries.is_empty() {
                let mut answers: Vec<_> = sent
                    .drain(..)
                    .map(|number| {
                        let is_stored = stores.next().unwrap_or(true);
                        if is_stored {
                            log.push(number);
                        }
                        (number, is_stored)
                    })
                    .collect();
                while !answers.is_empty() {
                    let i = late.next().map_or(0, |late| late.index(answers.len()));
                    let (number, is_stored) = answers.remove(i);
                    let answer = if is_stored { stored() } else { Err(Failure::NoResponders) };
                    settled += lane.answered(number, answer).len() as u64;
                }
                lane.resume = None;
                for entry in lane.entries.iter_mut().filter(|entry| entry.since.is_none()) {
                    entry.since = Some(Instant::now());
                    sent.push(entry.number);
                }
            }
            prop_assert_eq!(settled, MESSAGES);
            prop_assert!(log.is_sorted(), "{:?}", log);
        }
    }
}
