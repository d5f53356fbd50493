use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The topics that the hub listens to, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    topics: RwLock<HashMap<String, Entry>>,
    /// Live messages that have come while there are two subscriptions to their topic.
    twice: Mutex<HashSet<String>>,
    is_twice: AtomicBool,
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

/// How many live messages are compared at most while there are two subscriptions.
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

    /// From now on, or not any more, messages come by two subscriptions.
    pub(crate) fn set_twice(&self, is_twice: bool) {
        self.is_twice.store(is_twice, Ordering::Release);
        let mut twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        *twice = HashSet::new();
    }

    /// Whether a live message has come before.
    pub(crate) fn is_repeated(&self, number: Option<&str>) -> bool {
        let Some(number) = number.filter(|_| self.is_twice.load(Ordering::Acquire)) else {
            return false;
        };
        let mut twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        if twice.len() >= COMPARED {
            twice.clear();
        }
        !twice.insert(number.into())
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
