use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::task::coop::has_budget_remaining;
use tokio::task::yield_now;
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};
use wskit_driver::{Alarm, LazyTimer};

/// The clock of tokio and one alarm, set when a deadline is first waited for.
pub type TokioTimer = LazyTimer<TokioAlarm>;

/// The alarm of tokio.
#[derive(Debug, Default)]
pub struct TokioAlarm {
    sleep: ManuallyDrop<Option<Pin<Box<Sleep>>>>,
    waker: ManuallyDrop<Option<Waker>>, // that `sleep` wakes
}

/// Drops an alarm that was set in this crate. Without it this code would be repeated in every part of a program
/// that holds a connection.
impl Drop for TokioAlarm {
    #[inline]
    fn drop(&mut self) {
        if self.sleep.is_some() {
            self.release();
        }
    }
}

impl TokioAlarm {
    /// Drops the alarm and the waker, which there is only with it.
    #[cold]
    #[inline(never)]
    fn release(&mut self) {
        *self.sleep = None;
        *self.waker = None;
    }
}

impl Alarm for TokioAlarm {
    fn now() -> Instant {
        // tokio's clock, which tests can pause.
        TokioInstant::now().into_std()
    }

    fn set(&mut self, deadline: Instant) -> io::Result<()> {
        *self.waker = None;
        match &mut *self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline.into()),
            none => *none = Some(start(deadline.into())?),
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sleep) = &mut *self.sleep else {
            return Poll::Pending;
        };
        // Elapsed too early: its runtime has ended, and the connection lives on in another one.
        if sleep.is_elapsed() && sleep.deadline() > TokioInstant::now() {
            *sleep = start(sleep.deadline())?;
        }
        // Without budget left, `Sleep` returns `Pending` before it registers the waker.
        let registered = has_budget_remaining();
        let polled = match try_poll(sleep, cx) {
            Ok(polled) => polled,
            Err(_) => {
                *sleep = start(sleep.deadline())?;
                try_poll(sleep, cx)?
            }
        };
        if !registered && polled.is_pending() && sleep.deadline() <= TokioInstant::now() {
            // The deadline has passed: a task that always uses up its budget must see that too.
            *self.waker = None;
            return Poll::Ready(Ok(()));
        }
        *self.waker = (registered && polled.is_pending()).then(|| cx.waker().clone());
        polled.map(Ok)
    }

    #[inline(always)]
    fn is_waiting(&self, cx: &Context<'_>) -> bool {
        let wakes = |waker: &Waker| waker.will_wake(cx.waker());
        self.waker.as_ref().is_some_and(wakes)
            && self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    fn wake_later(cx: &mut Context<'_>) {
        // A waker that is called goes to the end of the ready tasks, and only after 61 of these does tokio
        // look at its sockets. This one is called after that. The future is pending when first polled.
        let _ = pin!(yield_now()).poll(cx);
    }
}

/// Polls `sleep`. tokio panics if the runtime of the alarm has ended; that is an error here.
fn try_poll(sleep: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
    catch_unwind(AssertUnwindSafe(|| sleep.as_mut().poll(cx)))
        .map_err(|_| io::Error::other("the tokio runtime of this timer has ended"))
}

/// Starts a `Sleep`. tokio panics if the runtime has no timer; that is an error here.
#[cold]
fn start(deadline: TokioInstant) -> io::Result<Pin<Box<Sleep>>> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other("not inside a tokio runtime"));
    }
    catch_unwind(AssertUnwindSafe(|| Box::pin(sleep_until(deadline))))
        .map_err(|_| io::Error::other("the tokio runtime was built without enable_time()"))
}
