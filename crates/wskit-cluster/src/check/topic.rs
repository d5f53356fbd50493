use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::At;

/// What is known of a topic from all logs.
#[derive(Debug, Default)]
pub(super) struct Topic {
    /// What each position holds.
    contents: BTreeMap<At, String>,
    /// Where each message is.
    places: HashMap<String, BTreeSet<At>>,
    acknowledged: BTreeSet<At>,
    /// Those whose position was not told.
    somewhere: HashSet<String>,
    /// From one message to the next, as some client has seen it.
    steps: HashMap<(At, u64), (String, u64)>,
    /// The newest position, as each node has it.
    pub(super) tops: BTreeMap<String, At>,
}

/// A message that a client has passed over.
pub(super) struct Passed {
    pub(super) who: String,
    pub(super) at: u64,
    pub(super) from: At,
    pub(super) to: u64,
    pub(super) missed: At,
}

impl Topic {
    /// A position holds a message. Returns another one that it holds.
    pub(super) fn holds(&mut self, pos: At, id: &str) -> Option<&str> {
        let known = self.contents.entry(pos).or_insert_with(|| {
            self.places.entry(id.to_owned()).or_default().insert(pos);
            id.to_owned()
        });
        (known != id).then_some(known)
    }

    pub(super) fn acknowledged(&mut self, pos: At) {
        self.acknowledged.insert(pos);
    }

    pub(super) fn acknowledged_somewhere(&mut self, id: &str) {
        self.somewhere.insert(id.to_owned());
    }

    /// A client went from one message to the next one that it got.
    pub(super) fn step(&mut self, from: At, to: u64, who: &str, at: u64) {
        if to > from.offset + 1 {
            let first = || (who.to_owned(), at);
            self.steps.entry((from, to)).or_insert_with(first);
        }
    }

    /// Returns the newest offset that was acknowledged in an epoch.
    pub(super) fn newest_acknowledged(&self, epoch: u32) -> Option<u64> {
        let end = At {
            epoch: epoch + 1,
            offset: 0,
        };
        let last = self.acknowledged.range(..end).next_back()?;
        (last.epoch == epoch).then_some(last.offset)
    }

    pub(super) fn epochs(&self) -> usize {
        let seen = self.contents.keys().chain(self.tops.values());
        seen.map(|at| at.epoch).collect::<BTreeSet<_>>().len()
    }

    /// Returns acknowledged messages that some client has passed over without being told.
    pub(super) fn passed_over(&self) -> impl Iterator<Item = Passed> {
        let places = |id: &String| self.places.get(id).into_iter().flatten().copied();
        let somewhere = self.somewhere.iter().flat_map(places);
        let acknowledged: BTreeSet<At> =
            self.acknowledged.iter().copied().chain(somewhere).collect();
        self.steps
            .iter()
            .filter_map(move |((from, to), (who, at))| {
                let place = |offset| At {
                    epoch: from.epoch,
                    offset,
                };
                let missed = acknowledged
                    .range(place(from.offset + 1)..place(*to))
                    .next()?;
                Some(Passed {
                    who: who.clone(),
                    at: *at,
                    from: *from,
                    to: *to,
                    missed: *missed,
                })
            })
    }

    /// Returns messages that have two places in one epoch while the history had the first one, and how many
    /// have two that are further apart.
    pub(super) fn published_twice(&self, history: usize) -> (Vec<(String, At, At)>, u64) {
        let (mut twice, mut later) = (Vec::new(), 0);
        for (id, places) in self.places.iter().filter(|(_, places)| places.len() > 1) {
            for (first, second) in places.iter().zip(places.iter().skip(1)) {
                if first.epoch != second.epoch {
                    continue;
                }
                if self.contents.range(*first..*second).count() <= history {
                    twice.push((id.clone(), *first, *second));
                } else {
                    later += 1;
                }
            }
        }
        (twice, later)
    }

    /// Returns messages that were acknowledged without a position and that no client has seen.
    pub(super) fn unseen(&self) -> Vec<String> {
        let unseen = self.somewhere.iter();
        unseen
            .filter(|id| !self.places.contains_key(*id))
            .cloned()
            .collect()
    }
}
