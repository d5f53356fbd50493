use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use wskit_driver::{Alarm, LazyTimer};

use crate::park::{Source, forget_alarm, wait_for};

/// The clock, and an alarm that the thread waits for in [`block_on`](crate::block_on).
pub type ThreadTimer = LazyTimer<ThreadAlarm>;

/// The alarm of a [`ThreadTimer`].
#[derive(Debug)]
pub struct ThreadAlarm {
    id: u64,
    at: Option<Instant>,
}

impl Default for ThreadAlarm {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            at: None,
        }
    }
}

impl Alarm for ThreadAlarm {
    fn now() -> Instant {
        Instant::now()
    }

    fn set(&mut self, deadline: Instant) -> io::Result<()> {
        self.at = Some(deadline);
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.at {
            Some(at) if at <= Instant::now() => {
                self.at = None;
                forget_alarm(self.id);
                Poll::Ready(Ok(()))
            }
            Some(at) => {
                wait_for(Source::Alarm(self.id, at), cx);
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for ThreadAlarm {
    fn drop(&mut self) {
        if self.at.is_some() {
            forget_alarm(self.id);
        }
    }
}
