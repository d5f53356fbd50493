use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wskit_driver::Timer;

/// A virtual clock, which stands still until it is advanced. Clones share the same time.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    start: Instant,
    now: Instant,
    next_id: u64,
    armed: Vec<(Instant, u64, Waker)>,
}

impl Inner {
    /// Takes the waker of an alarm out, to be dropped without the lock.
    fn disarm(&mut self, id: u64) -> Option<Waker> {
        let at = self.armed.iter().position(|(_, other, _)| *other == id)?;
        Some(self.armed.swap_remove(at).2)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

impl Clock {
    /// Creates a clock that is independent of all others.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            inner: Arc::new(Mutex::new(Inner {
                start: now,
                now,
                next_id: 0,
                armed: Vec::new(),
            })),
        }
    }

    /// Returns the clock of the executor that runs on this thread, or a new clock if none runs.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with_borrow(Clone::clone).unwrap_or_default()
    }

    /// Makes this the current clock of the thread and returns the previous one.
    pub(crate) fn enter(clock: Option<Self>) -> Option<Self> {
        CURRENT.with_borrow_mut(|current| core::mem::replace(current, clock))
    }

    /// Returns the virtual time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.lock().now
    }

    /// Returns how far the clock has advanced since it was created.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let inner = self.lock();
        inner.now - inner.start
    }

    /// Creates an alarm on this clock, not armed.
    #[must_use]
    pub fn alarm(&self) -> Alarm {
        let mut inner = self.lock();
        inner.next_id += 1;
        Alarm {
            id: inner.next_id,
            clock: self.clone(),
        }
    }

    /// Advances the clock by `time` and wakes the alarms that are due.
    pub fn advance(&self, time: Duration) {
        let to = self.now() + time;
        self.advance_to(to);
    }

    /// Advances the clock to the next armed alarm. Returns `false` if no alarm is armed.
    #[must_use]
    pub fn advance_to_next(&self) -> bool {
        let next = self
            .lock()
            .armed
            .iter()
            .map(|(deadline, ..)| *deadline)
            .min();
        next.inspect(|next| self.advance_to(*next)).is_some()
    }

    fn advance_to(&self, to: Instant) {
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
        let now = inner.now;
        let (due, armed) = inner
            .armed
            .drain(..)
            .partition(|(deadline, ..)| *deadline <= now);
        inner.armed = armed;
        drop(inner);
        let mut due: Vec<_> = due;
        due.sort_by_key(|(deadline, id, _)| (*deadline, *id));
        for (.., waker) in due {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// An alarm on a [`Clock`], the timer of [`SimulatedIo`](crate::SimulatedIo).
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    id: u64,
}

impl Timer for Alarm {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        // A waker is cloned and dropped without the lock: its code may call this clock.
        let waker = cx.waker().clone();
        let _before;
        let mut inner = self.clock.lock();
        _before = inner.disarm(self.id);
        if inner.now >= deadline {
            return Poll::Ready(Ok(()));
        }
        inner.armed.push((deadline, self.id, waker));
        Poll::Pending
    }
}

/// An alarm on the clock of the running test.
impl Default for Alarm {
    fn default() -> Self {
        Clock::current().alarm()
    }
}

impl Clone for Alarm {
    fn clone(&self) -> Self {
        self.clock.alarm()
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let disarmed = self.clock.lock().disarm(self.id);
        drop(disarmed);
    }
}
