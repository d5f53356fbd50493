use std::collections::BTreeMap;
use std::task::Waker;

use super::wake::wake;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};

/// How many inboxes are crowded, and the tasks that wait until none is.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    inboxes: AtomicUsize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

/// The place of a task that waits, which it takes once.
#[derive(Debug, Default)]
pub(super) struct Place(Option<u64>);

impl Crowd {
    /// Whether an inbox is crowded.
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.inboxes.load(Ordering::Relaxed) > 0
    }

    /// An inbox has become crowded.
    pub(super) fn add(&self) {
        self.inboxes.fetch_add(1, Ordering::Relaxed);
    }

    /// It is no longer crowded: wakes those that wait, if no other is.
    pub(super) fn remove(&self) {
        if self.inboxes.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let wakers = std::mem::take(&mut lock(&self.waiting).wakers);
        for (_, waker) in wakers {
            wake(waker);
        }
    }

    /// Has a task wait until it [leaves](Crowd::leave) its place. Returns false if it need not.
    pub(super) fn wait(&self, place: &mut Place, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        {
            let mut waiting = lock(&self.waiting);
            let id = *place.0.get_or_insert(waiting.next);
            waiting.next = waiting.next.max(id + 1);
            if let Some(new) = waker.take() {
                waker = waiting.wakers.insert(id, new);
            }
        }
        drop(waker);
        // The lock orders this after the change that came before the wakers were taken.
        self.is_here()
    }

    /// A task no longer waits.
    pub(super) fn leave(&self, place: &mut Place) {
        let Some(id) = place.0.take() else {
            return;
        };
        let waker = lock(&self.waiting).wakers.remove(&id);
        drop(waker);
    }

    #[cfg(all(loom, test))]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.waiting).wakers.len()
    }
}
