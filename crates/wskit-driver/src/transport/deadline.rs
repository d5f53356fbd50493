use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Timer;

/// A limit for a wait, with the timer that keeps it.
pub(crate) struct Deadline<C> {
    timer: C,
    /// `None` if it is beyond the clock's range, which is no limit.
    at: Option<Instant>,
}

impl<C: Timer> Deadline<C> {
    /// Creates a deadline that is `limit` from now.
    pub(crate) fn new(timer: C, limit: Duration) -> Self {
        let at = timer.now().checked_add(limit);
        Self { timer, at }
    }

    /// Waits until the deadline has passed.
    ///
    /// # Errors
    /// The runtime has no timer.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.at {
            Some(at) => self.timer.poll_until(cx, at),
            None => Poll::Pending,
        }
    }
}
