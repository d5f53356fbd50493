use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::Timer;

/// The alarm of a runtime, from which a [`LazyTimer`] makes a [`Timer`].
pub trait Alarm: Default {
    /// Returns the runtime's time now.
    fn now() -> Instant;

    /// Sets or resets the alarm.
    ///
    /// # Errors
    /// The runtime has no timer.
    fn set(&mut self, deadline: Instant) -> io::Result<()>;

    /// Waits until the deadline that it was last set to has passed.
    ///
    /// # Errors
    /// The runtime has no timer any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns whether another [`poll`](Alarm::poll) would change nothing: it has not gone off, and it
    /// will wake the task of `cx`. `false` is always correct.
    fn is_waiting(&self, cx: &Context<'_>) -> bool {
        let _ = cx;
        false
    }

    /// Wakes the task of `cx` once others have had their turn: see [`Timer::wake_later`].
    fn wake_later(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// A clock with one alarm that is set when a deadline is first waited for.
///
/// Deadlines mostly move into the future. The alarm is left as it is then, and reset only when it goes
/// off too early.
pub struct LazyTimer<A> {
    alarm: A,
    /// The deadline that the alarm is set to; `None` after it has gone off.
    set: Option<Instant>,
}

impl<A: Alarm> Timer for LazyTimer<A> {
    fn now(&self) -> Instant {
        A::now()
    }

    #[inline(always)]
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        if self.set.is_some_and(|set| set <= deadline) && self.alarm.is_waiting(cx) {
            return Poll::Pending;
        }
        self.poll_alarm(cx, deadline)
    }

    fn wake_later(&self, cx: &mut Context<'_>) {
        A::wake_later(cx);
    }
}

impl<A: Alarm> LazyTimer<A> {
    #[inline(never)]
    fn poll_alarm(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        loop {
            let set = match self.set {
                Some(set) if set <= deadline => set,
                _ => {
                    self.alarm.set(deadline)?;
                    deadline
                }
            };
            self.set = Some(set);
            ready!(self.alarm.poll(cx))?;
            self.set = None;
            if set >= deadline {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<A: Alarm> Default for LazyTimer<A> {
    fn default() -> Self {
        Self {
            alarm: A::default(),
            set: None,
        }
    }
}

/// Creates a new alarm on the same clock.
impl<A: Alarm> Clone for LazyTimer<A> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

debug! { [A] LazyTimer<A>, this => set: this.set }
