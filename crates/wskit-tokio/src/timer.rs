use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};
use wskit_driver::Timer;

/// tokio's clock and one alarm of it, made when a deadline is first waited for.
#[derive(Default)]
pub struct TokioTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer for TokioTimer {
    fn now(&self) -> Instant {
        // tokio's, so that its paused clock works in tests.
        TokioInstant::now().into_std()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        let deadline = TokioInstant::from_std(deadline);
        let sleep = match &mut self.sleep {
            Some(sleep) => sleep,
            none => none.insert(start(deadline)?),
        };
        // Deadlines mostly move away from us: the alarm is left as it is and set anew only when it
        // has gone off too early.
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(Ok(()));
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// A new alarm on the same clock.
impl Clone for TokioTimer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for TokioTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioTimer")
    }
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
