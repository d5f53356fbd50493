use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::crowd::Place;
use super::inner::Inner;
use super::schedule::DriverId;

/// How many turns a driver takes, and events of the engine, before it lets other tasks run.
const TURNS: usize = 4;
const EVENTS: usize = 256;

/// A driver future, while it exists.
struct Driver {
    inner: Arc<Inner>,
    id: DriverId,
    /// Where it waits before it takes in more from the engine.
    place: Place,
}

/// Delivers until the hub is closed.
pub(super) async fn drive<F: Future>(inner: Arc<Inner>, sleep: impl Fn(Duration) -> F) {
    let mut driver = Driver {
        id: inner.schedule.enter(),
        inner,
        place: Place::default(),
    };
    loop {
        let due = driver.due();
        let left = due.map(|due| driver.inner.until(due));
        let alarm = async {
            match left {
                Some(left) => {
                    sleep(left).await;
                }
                None => std::future::pending().await,
            }
        };
        let mut alarm = pin!(alarm);
        let is_over = poll_fn(|cx| {
            if driver.poll_work(cx) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // It is woken from now on, so that no change after this is missed.
            if driver.inner.is_closed() {
                return Poll::Ready(true);
            }
            // Another time may be due, or this driver may keep the time only now.
            if driver.due() != due {
                return Poll::Ready(false);
            }
            alarm.as_mut().poll(cx).map(|()| false)
        })
        .await;
        if is_over {
            return;
        }
    }
}

impl Driver {
    /// Returns the time when it has to do something, if it is the one that keeps the time.
    fn due(&self) -> Option<u64> {
        let due = self.inner.due()?;
        self.inner.schedule.is_first(self.id).then_some(due)
    }

    /// Does some of what there is to do. Returns whether there is more; if not, it is woken for it.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> bool {
        if self.inner.schedule.is_first(self.id) {
            self.inner.handle_timeout();
            if self.poll_engine(cx) {
                return true;
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

    /// Takes in what the engine reports, unless the shards have enough to do. Returns whether there is more.
    fn poll_engine(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(engine) = &self.inner.engine else {
            return false;
        };
        if self.inner.is_closed() || self.inner.is_crowded(&mut self.place, cx.waker()) {
            return false;
        }
        for _ in 0..EVENTS {
            match engine.poll_event(cx) {
                Poll::Ready(event) => self.inner.engine_event(event),
                Poll::Pending => return false,
            }
        }
        true
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.inner.crowd.leave(&mut self.place);
        if !self.inner.schedule.leave(self.id) {
            // What is left to do is done here, or it would wait for the next message.
            self.inner.run_ready();
        }
    }
}
