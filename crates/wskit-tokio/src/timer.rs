use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};
use wskit_driver::{Alarm, LazyTimer};

/// tokio's clock and one alarm of it, set when a deadline is first waited for.
pub type TokioTimer = LazyTimer<TokioAlarm>;

/// tokio's alarm.
#[derive(Debug, Default)]
pub struct TokioAlarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Alarm for TokioAlarm {
    fn now() -> Instant {
        // tokio's, so that its paused clock works in tests.
        TokioInstant::now().into_std()
    }

    fn set(&mut self, deadline: Instant) -> io::Result<()> {
        self.waker = None;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline.into()),
            none => *none = Some(start(deadline.into())?),
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        // An alarm goes off too early only when its runtime has ended. A connection over a stream in
        // memory may live on in another one, whose alarm it gets then.
        if sleep.is_elapsed() && sleep.deadline() > TokioInstant::now() {
            *sleep = start(sleep.deadline())?;
        }
        // A task that has used up its budget is sent away before the alarm takes note of it.
        let heard = has_budget_remaining();
        let polled = match try_poll(sleep, cx) {
            Ok(polled) => polled,
            Err(_) => {
                *sleep = start(sleep.deadline())?;
                try_poll(sleep, cx)?
            }
        };
        if !heard && polled.is_pending() && sleep.deadline() <= TokioInstant::now() {
            // What is due must not wait for a task that uses up its budget each time.
            self.waker = None;
            return Poll::Ready(Ok(()));
        }
        self.waker = (heard && polled.is_pending()).then(|| cx.waker().clone());
        polled.map(Ok)
    }

    fn is_waiting(&self, cx: &Context<'_>) -> bool {
        let wakes = |waker: &Waker| waker.will_wake(cx.waker());
        self.waker.as_ref().is_some_and(wakes)
            && self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }
}

/// tokio panics when the runtime of an alarm has ended.
fn try_poll(sleep: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
    catch_unwind(AssertUnwindSafe(|| sleep.as_mut().poll(cx)))
        .map_err(|_| io::Error::other("the tokio runtime of this timer has ended"))
}

/// tokio panics when a runtime has no timer, and offers no way to ask first. A library must not take
/// its user's task down for a missing setting, so the panic ends here, as an error.
#[cold]
fn start(deadline: TokioInstant) -> io::Result<Pin<Box<Sleep>>> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other("not inside a tokio runtime"));
    }
    catch_unwind(AssertUnwindSafe(|| Box::pin(sleep_until(deadline))))
        .map_err(|_| io::Error::other("the tokio runtime was built without enable_time()"))
}
