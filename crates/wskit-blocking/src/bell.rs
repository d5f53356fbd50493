use std::io;
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::time::Duration;

use crate::sync::{AtomicU8, Ear, Ordering, Thread, ear_pair, fence, park, thread};

/// The thread does something, and was not woken since it last looked.
const BUSY: u8 = 0;
/// The thread was woken.
const WOKEN: u8 = 1;
/// The thread is parked.
const PARKED: u8 = 2;
/// The thread waits for sockets, and for the ear.
const POLLING: u8 = 3;

/// Wakes a thread that waits in [`block_on`](crate::park::block_on).
#[derive(Debug)]
pub(crate) struct Bell {
    state: AtomicU8,
    thread: Thread,
    /// A socket that becomes readable, and the one that is written to for that. Made when the thread first waits
    /// for sockets while others may wake it.
    ends: OnceLock<(Ear, Ear)>,
}

impl Bell {
    /// Creates a bell for the thread that calls.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(BUSY),
            thread: thread::current(),
            ends: OnceLock::new(),
        })
    }

    /// Returns whether the thread was woken since the last call.
    pub(crate) fn take(&self) -> bool {
        self.state.swap(BUSY, Ordering::AcqRel) == WOKEN
    }

    /// Asks `find` what to wait for, and returns it unless the thread was woken since the last call of
    /// [`take`](Bell::take).
    ///
    /// `find` may count wakers: the wake-ups of those that are gone by then are seen.
    pub(crate) fn unless_woken<T>(&self, find: impl FnOnce() -> T) -> Option<T> {
        let found = find();
        // What a thread does before it drops a waker happens before what follows.
        fence(Ordering::Acquire);
        (!self.take()).then_some(found)
    }

    /// Waits until the thread is woken, for at most `limit`; it may be less.
    pub(crate) fn park(&self, limit: Option<Duration>) {
        if self.enter(PARKED) {
            park(limit);
            self.leave(PARKED);
        }
    }

    /// Calls `poll` with a socket that is readable once the thread is woken, unless it was woken already.
    pub(crate) fn listen<T>(&self, poll: impl FnOnce(&Ear) -> T) -> io::Result<Option<T>> {
        let (ear, _) = match self.ends.get() {
            Some(ends) => ends,
            None => {
                let ends = ear_pair()?;
                self.ends.get_or_init(|| ends)
            }
        };
        if !self.enter(POLLING) {
            return Ok(None);
        }
        let polled = poll(ear);
        if !self.leave(POLLING) {
            // One byte was written, or will be.
            while ear
                .recv(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
            {}
        }
        Ok(Some(polled))
    }

    /// Returns `false` if the thread was woken.
    fn enter(&self, waiting: u8) -> bool {
        self.state
            .compare_exchange(BUSY, waiting, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Returns `false` if the thread was woken meanwhile, which it stays.
    fn leave(&self, waiting: u8) -> bool {
        self.state
            .compare_exchange(waiting, BUSY, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(WOKEN, Ordering::AcqRel) {
            PARKED => self.thread.unpark(),
            POLLING => {
                // The buffer has room: there is at most one byte in it.
                if let Some((_, far)) = self.ends.get() {
                    let _ = far.send(&[0]);
                }
            }
            _ => {}
        }
    }
}
