use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_io::Timer;

use crate::transport::{Alarm, LazyTimer};

/// The clock of async-io and one alarm, set when a deadline is first waited for.
///
/// async-io brings its own thread: the alarm works on any executor.
pub type AsyncIoTimer = LazyTimer<AsyncIoAlarm>;

/// The alarm of async-io.
#[derive(Debug)]
pub struct AsyncIoAlarm(Timer);

impl Alarm for AsyncIoAlarm {
    fn now() -> Instant {
        Instant::now()
    }

    fn set(&mut self, deadline: Instant) -> io::Result<()> {
        self.0.set_at(deadline);
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll(cx).map(|_| Ok(()))
    }
}

impl Default for AsyncIoAlarm {
    fn default() -> Self {
        Self(Timer::never())
    }
}
