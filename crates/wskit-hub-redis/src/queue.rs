use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wskit_hub::EngineEvent;

/// What the hub has not taken yet, and what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<(usize, EngineEvent)>,
    /// The payloads of the messages among them, in bytes.
    bytes: usize,
    /// Messages were dropped.
    has_lost: bool,
    waker: Option<Waker>,
    /// Requests without an answer, and the payloads in them.
    requests: usize,
    requested_bytes: usize,
}

/// How many events wait at most, and how many bytes of payload.
const EVENTS: usize = 1 << 16;
const BYTES: usize = 64 << 20;
/// How many requests wait for an answer at most, and how many bytes of payload.
const REQUESTS: usize = 1 << 16;
const REQUESTED_BYTES: usize = 64 << 20;

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that may panic runs while it is locked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event that must not be lost: there are no more of them than requests, and few others.
    pub(crate) fn push(&self, event: EngineEvent) {
        let mut inner = self.lock();
        inner.events.push_back((0, event));
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Adds something published with a payload of `len` bytes. If the hub is too slow it is dropped, which the
    /// hub is told.
    pub(crate) fn push_or_drop(&self, event: EngineEvent, len: usize) {
        let mut inner = self.lock();
        let is_full = inner.events.len() >= EVENTS || inner.bytes.saturating_add(len) > BYTES;
        let dropped = if is_full {
            inner.has_lost = true;
            Some(event)
        } else {
            inner.bytes += len;
            inner.events.push_back((len, event));
            None
        };
        let waker = inner.waker.take();
        drop(inner);
        drop(dropped);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Something published was dropped.
    pub(crate) fn lose(&self) {
        let mut inner = self.lock();
        inner.has_lost = true;
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        let waker = cx.waker().clone();
        let mut inner = self.lock();
        if std::mem::take(&mut inner.has_lost) {
            return Poll::Ready(EngineEvent::Lost);
        }
        if let Some((len, event)) = inner.events.pop_front() {
            inner.bytes -= len;
            if inner.events.is_empty() {
                // What a burst has taken is given back.
                inner.events.shrink_to(1024);
            }
            return Poll::Ready(event);
        }
        let old = inner.waker.replace(waker);
        drop(inner);
        drop(old);
        Poll::Pending
    }

    /// Counts a request, unless too many wait already.
    pub(crate) fn begin(&self, len: usize) -> bool {
        let mut inner = self.lock();
        let bytes = inner.requested_bytes.saturating_add(len);
        if inner.requests >= REQUESTS || bytes > REQUESTED_BYTES.max(len) {
            return false;
        }
        inner.requests += 1;
        inner.requested_bytes = bytes;
        true
    }

    /// Counts a request that must not be refused.
    pub(crate) fn begin_always(&self) {
        self.lock().requests += 1;
    }

    /// It has its answer.
    pub(crate) fn end(&self, len: usize) {
        let mut inner = self.lock();
        inner.requests -= 1;
        inner.requested_bytes -= len;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wskit_hub::{Epoch, Position, Publication};

    use super::*;

    fn published(len: usize) -> EngineEvent {
        EngineEvent::Published {
            topic: Arc::from("t"),
            position: Position {
                epoch: Epoch::new(1),
                offset: 1,
            },
            before: Some(0),
            publication: Publication::binary(vec![0; len]),
        }
    }

    fn poll(queue: &Queue) -> Option<EngineEvent> {
        match queue.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_hub_that_is_too_slow_is_told_of_what_was_dropped_and_keeps_all_answers() {
        let queue = Queue::default();
        for _ in 0..=EVENTS {
            queue.push_or_drop(published(1), 1);
        }
        queue.push(EngineEvent::Up);
        assert!(matches!(poll(&queue), Some(EngineEvent::Lost)));
        for _ in 0..EVENTS {
            assert!(matches!(poll(&queue), Some(EngineEvent::Published { .. })));
        }
        assert!(matches!(poll(&queue), Some(EngineEvent::Up)));
        assert!(poll(&queue).is_none());
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn large_payloads_are_bounded_by_their_bytes() {
        let queue = Queue::default();
        for _ in 0..3 {
            queue.push_or_drop(published(1), BYTES / 2);
        }
        assert!(matches!(poll(&queue), Some(EngineEvent::Lost)));
        assert!(matches!(poll(&queue), Some(EngineEvent::Published { .. })));
        assert!(matches!(poll(&queue), Some(EngineEvent::Published { .. })));
        assert!(poll(&queue).is_none());
    }

    #[test]
    fn requests_are_bounded_and_one_of_any_size_fits() {
        let queue = Queue::default();
        assert!(queue.begin(REQUESTED_BYTES + 1));
        assert!(!queue.begin(1));
        queue.end(REQUESTED_BYTES + 1);
        for _ in 0..REQUESTS {
            assert!(queue.begin(0));
        }
        assert!(!queue.begin(0));
        queue.end(0);
        assert!(queue.begin(0));
    }
}
