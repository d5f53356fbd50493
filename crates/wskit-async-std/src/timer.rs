use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Timer as Alarm;
use wskit_driver::Timer;

/// The clock of async-io, which async-std and smol share, and one alarm of it, set when a deadline
/// is first waited for. It needs no runtime: async-io brings its own thread.
pub struct AsyncStdTimer {
    alarm: Alarm,
    /// For when the alarm is set; `None` after it has gone off.
    set: Option<Instant>,
}

impl Timer for AsyncStdTimer {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        loop {
            // Deadlines mostly move away from us: the alarm is left as it is and set anew only when
            // it has gone off too early.
            let set = match self.set {
                Some(set) if set <= deadline => set,
                _ => {
                    self.alarm.set_at(deadline);
                    deadline
                }
            };
            self.set = Some(set);
            ready!(Pin::new(&mut self.alarm).poll(cx));
            self.set = None;
            if set >= deadline {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Default for AsyncStdTimer {
    fn default() -> Self {
        Self {
            alarm: Alarm::never(),
            set: None,
        }
    }
}

/// A new alarm on the same clock.
impl Clone for AsyncStdTimer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for AsyncStdTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncStdTimer")
    }
}
