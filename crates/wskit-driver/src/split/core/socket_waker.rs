use std::task::{Wake, Waker};

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, lock};

/// The waker that a split connection's transport is polled with.
///
/// A transport has room for one waker in each direction, so it is always given this one. When it is
/// called, it wakes one task that waits to write, which writes for all, and the reader if it waits.
///
/// The transport is polled under the lock of the sending half, and may wake inside a poll. Tasks are
/// then woken once that lock has been released; see [`end`](SocketWaker::end).
pub(crate) struct SocketWaker {
    state: AtomicUsize,
    /// How often the transport has woken.
    wakes: AtomicUsize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// The task that waits in the reader.
    reader: Option<Waker>,
    /// The tasks that write when the transport takes bytes again.
    writers: Vec<SocketWriter>,
}

/// A task that is to write when the transport takes bytes again.
pub(super) struct SocketWriter {
    /// The number of its waiter.
    pub(super) number: u64,
    pub(super) waker: Waker,
    /// Whether the task is known to write once it is woken, or to remove its waiter.
    pub(super) reliable: bool,
}

/// The transport is being polled.
const POLLING: usize = 1;
/// The transport has woken since it was last polled.
const SIGNALLED: usize = 2;
/// There are tasks to write.
const WRITERS: usize = 4;
/// One of them is reliable.
const RELIABLE: usize = 8;

impl SocketWaker {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicUsize::new(0),
            wakes: AtomicUsize::new(0),
            slots: Mutex::new(Slots::default()),
        }
    }

    /// Notes that the transport is about to be polled: earlier signals no longer count.
    pub(crate) fn begin(&self) {
        self.state.fetch_or(POLLING, Ordering::AcqRel);
        self.state.fetch_and(!SIGNALLED, Ordering::AcqRel);
    }

    /// Notes that the transport is about to be polled while another poll still waits for its signal.
    pub(crate) fn begin_beside(&self) {
        self.state.fetch_or(POLLING, Ordering::AcqRel);
    }

    /// Notes that the poll is over. Returns whether the transport has woken meanwhile: then call
    /// [`wake_all`](SocketWaker::wake_all) without a lock.
    pub(crate) fn end(&self) -> bool {
        self.state.fetch_and(!POLLING, Ordering::AcqRel) & SIGNALLED != 0
    }

    /// Returns whether the transport has woken since it was last polled. If it has not, the tasks that
    /// it wakes later see all stores before this call.
    pub(crate) fn has_signalled_by_now(&self) -> bool {
        self.state.fetch_or(0, Ordering::AcqRel) & SIGNALLED != 0
    }

    /// Forgets a signal, because there is nothing to write.
    pub(crate) fn clear_signal(&self) {
        if self.is_signalled() {
            self.state.fetch_and(!SIGNALLED, Ordering::AcqRel);
        }
    }

    /// Makes the next task that writes poll the transport, as if it had woken.
    pub(crate) fn signal(&self) {
        self.state.fetch_or(SIGNALLED, Ordering::AcqRel);
    }

    /// Whether the transport has woken since it was last polled.
    pub(crate) fn is_signalled(&self) -> bool {
        self.state.load(Ordering::Acquire) & SIGNALLED != 0
    }

    /// Whether there are tasks to write.
    pub(crate) fn has_writers(&self) -> bool {
        self.state.load(Ordering::Acquire) & WRITERS != 0
    }

    /// Whether one of the tasks to write is reliable. If not, more of them are needed.
    pub(super) fn has_reliable_writers(&self) -> bool {
        self.state.load(Ordering::Acquire) & RELIABLE != 0
    }

    /// Adds tasks to write when the transport wakes.
    pub(super) fn add_writers(&self, writers: Vec<SocketWriter>) {
        if !writers.is_empty() {
            let mut slots = lock(&self.slots);
            slots.writers.extend(writers);
            self.state.fetch_or(slots.state(), Ordering::AcqRel);
        }
    }

    /// Removes a task that was to write, and returns its waker.
    pub(crate) fn remove_writer(&self, number: u64) -> Option<Waker> {
        let mut slots = lock(&self.slots);
        let at = slots
            .writers
            .iter()
            .position(|writer| writer.number == number)?;
        let writer = slots.writers.remove(at);
        let gone = (WRITERS | RELIABLE) & !slots.state();
        self.state.fetch_and(!gone, Ordering::AcqRel);
        Some(writer.waker)
    }

    /// Returns how often the transport has woken.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }

    /// Sets the task that waits in the reader.
    pub(crate) fn set_reader(&self, waker: &Waker) {
        let known = |slots: &Slots| {
            let reader = slots.reader.as_ref();
            reader.is_some_and(|reader| reader.will_wake(waker))
        };
        if known(&lock(&self.slots)) {
            return;
        }
        let waker = Some(waker.clone());
        let before = core::mem::replace(&mut lock(&self.slots).reader, waker);
        drop(before);
    }

    pub(crate) fn take_reader(&self) -> Option<Waker> {
        lock(&self.slots).reader.take()
    }

    pub(crate) fn wake_reader(&self) {
        if let Some(reader) = self.take_reader() {
            reader.wake();
        }
    }

    /// Wakes the tasks that are to write, and the reader.
    pub(crate) fn wake_all(&self) {
        let woken = {
            let mut slots = lock(&self.slots);
            self.state
                .fetch_and(!(WRITERS | RELIABLE), Ordering::AcqRel);
            core::mem::take(&mut *slots)
        };
        for writer in woken.writers {
            writer.waker.wake();
        }
        if let Some(reader) = woken.reader {
            reader.wake();
        }
    }
}

impl Slots {
    /// Returns the bits that say which writers there are.
    fn state(&self) -> usize {
        let writers = if self.writers.is_empty() { 0 } else { WRITERS };
        let is_reliable = self.writers.iter().any(|writer| writer.reliable);
        writers | if is_reliable { RELIABLE } else { 0 }
    }
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::AcqRel);
        if self.state.fetch_or(SIGNALLED, Ordering::AcqRel) & POLLING == 0 {
            self.wake_all();
        }
    }
}
