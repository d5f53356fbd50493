use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::inner::Inner;
use super::schedule::DriverId;

/// How many turns a driver takes, and events of the engine, before it lets other tasks run.
const TURNS: usize = 4;
const EVENTS: usize = 256;

/// A driver future, while it exists.
struct Driver {
    inner: Arc<Inner>,
    id: DriverId,
}

/// Delivers until the hub is closed.
pub(super) async fn drive<F: Future<Output = ()>>(
    inner: Arc<Inner>,
    sleep: impl Fn(Duration) -> F,
) {
    let driver = Driver {
        id: inner.schedule.enter(),
        inner,
    };
    loop {
        let timeout = driver.timeout();
        let alarm = async {
            match timeout {
                Some(left) => sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let mut alarm = pin!(alarm);
        let is_over = poll_fn(|cx| {
            if driver.inner.is_closed.load(Ordering::Acquire) {
                return Poll::Ready(true);
            }
            if driver.poll_work(cx) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Another time may be due, or this driver may keep the time only now.
            if driver.timeout() < timeout || timeout.is_none() && driver.timeout().is_some() {
                return Poll::Ready(false);
            }
            alarm.as_mut().poll(cx).map(|()| false)
        })
        .await;
        if is_over {
            return;
        }
        driver.inner.handle_timeout();
    }
}

impl Driver {
    /// Returns how long it may wait.
    fn timeout(&self) -> Option<Duration> {
        let is_first = self.inner.schedule.is_first(self.id);
        self.inner.next_timeout().filter(|_| is_first)
    }

    /// Does some of what there is to do. Returns whether there is more; if not, it is woken for it.
    fn poll_work(&self, cx: &mut Context<'_>) -> bool {
        if let Some(engine) = &self.inner.engine {
            if self.inner.schedule.is_first(self.id) && !self.inner.is_crowded(cx.waker()) {
                for n in 0.. {
                    if n == EVENTS {
                        return true;
                    }
                    match engine.poll_event(cx) {
                        Poll::Ready(event) => self.inner.engine_event(event),
                        Poll::Pending => break,
                    }
                }
            }
        }
        for _ in 0..TURNS {
            match self.inner.schedule.next_or_wait(self.id, cx.waker()) {
                Some(shard) => self.inner.run_one(shard),
                None => return false,
            }
        }
        true
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.inner.schedule.leave(self.id) {
            // What is left to do is done here, or it would wait for the next message.
            self.inner.run_ready();
        }
    }
}
