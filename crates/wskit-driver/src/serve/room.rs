use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::sync::{AtomicUsize, Mutex, Ordering, lock};

/// A number of places. One task takes them, and may wait for one; any task gives them back.
pub(crate) struct Room {
    taken: AtomicUsize,
    most: usize,
    waiting: Mutex<Option<Waker>>,
}

impl Room {
    /// Makes room for this many, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most: most.max(1),
            waiting: Mutex::new(None),
        }
    }

    /// Takes a place if there is one.
    pub(crate) fn try_take(&self) -> bool {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    /// Takes a place, and waits until there is one. A dropped call takes none.
    pub(crate) async fn take(&self) {
        poll_fn(|cx| {
            if self.try_take() {
                return Poll::Ready(());
            }
            // Wakers are foreign code: they are cloned and dropped without the lock.
            let waker = Some(cx.waker().clone());
            let before = core::mem::replace(&mut *lock(&self.waiting), waker);
            drop(before);
            // The waker is registered first: either this sees the place, or who gives it back sees the waker.
            if self.try_take() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self) {
        // Nothing waits while there is room.
        if self.taken.fetch_sub(1, Ordering::AcqRel) == self.most {
            let waker = lock(&self.waiting).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
