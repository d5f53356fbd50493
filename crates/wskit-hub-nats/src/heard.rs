use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The topics that the hub listens to, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    topics: RwLock<HashMap<String, Entry>>,
    repeats: Mutex<Repeats>,
    is_comparing: AtomicBool,
}

/// Which live messages have come while there are two subscriptions to their topic.
#[derive(Debug, Default)]
struct Repeats {
    /// The highest number by topic and publisher. A publisher's numbers rise, and its messages come in their order.
    last: HashMap<(Arc<str>, u64), u64>,
    /// Whether one has come again since [`Heard::compare_on`] asked.
    have_come: bool,
}

#[derive(Debug)]
struct Entry {
    topic: Arc<str>,
    known: Known,
}

/// That a topic has had no message after `last` up to the offset `until`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) last: u64,
    pub(crate) until: u64,
}

/// How many pairs of a topic and a publisher are compared at most.
const COMPARED: usize = 1 << 16;

impl Heard {
    pub(crate) fn add(&self, token: String, topic: Arc<str>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry {
            topic,
            known: Known::default(),
        };
        topics.entry(token).or_insert(entry);
    }

    pub(crate) fn remove(&self, token: &str) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.remove(token);
    }

    pub(crate) fn topic(&self, token: &str) -> Option<Arc<str>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(token).map(|entry| entry.topic.clone())
    }

    /// Returns what is known of a topic.
    pub(crate) fn known(&self, token: &str) -> Known {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics
            .get(token)
            .map_or(Known::default(), |entry| entry.known)
    }

    /// Notes what is known of a topic now, if it is listened to.
    pub(crate) fn know(&self, token: &str, known: Known) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = topics.get_mut(token) {
            entry.known = known;
        }
    }

    /// Forgets what is known of all topics: the stream is another one.
    pub(crate) fn forget(&self) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        for entry in topics.values_mut() {
            entry.known = Known::default();
        }
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on messages may come by two subscriptions. What came before stays known, for another change.
    pub(crate) fn compare(&self) {
        self.is_comparing.store(true, Ordering::Release);
    }

    /// Returns whether live messages are still to be compared. It ends if none has come again since the last call.
    pub(crate) fn compare_on(&self) -> bool {
        let mut repeats = self.repeats();
        if std::mem::take(&mut repeats.have_come) {
            return true;
        }
        self.is_comparing.store(false, Ordering::Release);
        repeats.last = HashMap::new();
        false
    }

    /// Whether a live message has come before, if that has to be known. `from` is its publisher and its number.
    pub(crate) fn is_repeated(&self, topic: &Arc<str>, from: Option<(u64, u64)>) -> bool {
        let Some((publisher, number)) = from.filter(|_| self.is_comparing.load(Ordering::Acquire))
        else {
            return false;
        };
        let mut repeats = self.repeats();
        let Repeats { last, have_come } = &mut *repeats;
        let key = (topic.clone(), publisher);
        if last.len() >= COMPARED && !last.contains_key(&key) {
            return false;
        }
        // Numbers begin at 1.
        let last = last.entry(key).or_default();
        let is_new = number > *last;
        *last = number.max(*last);
        *have_come |= !is_new;
        !is_new
    }
}

impl Known {
    /// Returns the offset up to which nothing is missing, for one who has all up to `offset`.
    pub(crate) fn base(self, offset: u64) -> u64 {
        if offset >= self.last {
            offset.max(self.until)
        } else {
            offset
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_messages_are_compared_across_changes_until_none_comes_again() {
        let (heard, topic, other) = (Heard::default(), "t".into(), "u".into());
        assert!(!heard.is_repeated(&topic, Some((1, 1))));
        // Nothing comes twice.
        assert!(!heard.is_repeated(&topic, Some((1, 1))));
        heard.compare();
        for number in 2..5 {
            assert!(!heard.is_repeated(&topic, Some((1, number))));
        }
        assert!(heard.is_repeated(&topic, Some((1, 2))));
        // Another change begins before all of the first is handed on.
        heard.compare();
        assert!(heard.is_repeated(&topic, Some((1, 3))));
        assert!(heard.compare_on());
        assert!(heard.is_repeated(&topic, Some((1, 4))));
        assert!(!heard.is_repeated(&topic, Some((1, 5))));
        // Other publishers and other topics have numbers of their own; some have none.
        assert!(!heard.is_repeated(&topic, Some((2, 1))));
        assert!(!heard.is_repeated(&other, Some((1, 5))));
        assert!(!heard.is_repeated(&topic, None));
        assert!(heard.compare_on());
        assert!(!heard.compare_on());
        assert!(!heard.is_repeated(&topic, Some((1, 5))));
        assert!(heard.repeats().last.is_empty());
    }

    #[test]
    fn what_is_compared_is_bounded() {
        let (heard, topic) = (Heard::default(), "t".into());
        heard.compare();
        for publisher in 0..2 * COMPARED as u64 {
            assert!(!heard.is_repeated(&topic, Some((publisher, 1))));
        }
        assert_eq!(heard.repeats().last.len(), COMPARED);
        assert!(heard.is_repeated(&topic, Some((0, 1))));
    }
}
