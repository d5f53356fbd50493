use std::task::{Wake, Waker};

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, lock};

/// One waker for many waiting tasks.
///
/// A transport keeps a single waker a direction: if two tasks waited on it themselves, the second
/// would overwrite the first, which then sleeps for ever. So the transport is always given this one,
/// and it wakes everybody who waits.
pub(crate) struct FanOut {
    waiting: Mutex<Vec<Waker>>,
    /// Counts wakes, so that one which comes between a poll and its [`wait`](FanOut::wait) is seen.
    wakes: AtomicUsize,
}

impl FanOut {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            wakes: AtomicUsize::new(0),
        }
    }

    /// To be asked before a poll that may end in waiting.
    pub(crate) fn ticket(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }

    /// Has `waker` woken by the next wake after `ticket` was given out; at once if that has been.
    pub(crate) fn wait(&self, ticket: usize, waker: &Waker) {
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        drop(waiting);
        // A wake counts first and takes the list second: either it sees us in the list, or we see
        // its count.
        if self.wakes.load(Ordering::Acquire) != ticket {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.wakes.fetch_add(1, Ordering::AcqRel);
        let waiting = core::mem::take(&mut *lock(&self.waiting));
        for waker in waiting {
            waker.wake();
        }
    }
}

impl Wake for FanOut {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
