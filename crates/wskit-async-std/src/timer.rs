use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_io::Timer as AsyncIoTimer;
use wskit_driver::{Alarm, LazyTimer};

/// The clock of async-io, which async-std and smol share, and one alarm of it, set when a deadline
/// is first waited for. It needs no runtime: async-io brings its own thread.
pub type AsyncStdTimer = LazyTimer<AsyncStdAlarm>;

/// async-io's alarm.
#[derive(Debug)]
pub struct AsyncStdAlarm(AsyncIoTimer);

impl Alarm for AsyncStdAlarm {
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

impl Default for AsyncStdAlarm {
    fn default() -> Self {
        Self(AsyncIoTimer::never())
    }
}
