use std::future::Future;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use wskit_driver::{PollRead, PollWrite, Runtime, ServeRuntime, Spawn, Transport};

use crate::clock::{Alarm, Clock};
use crate::executor::Executor;
use crate::harness::Harness;
use crate::pipe::{PipeEnd, PipeRead, PipeWrite};

/// The harness without a runtime: pipes, virtual [`Clock`] and [`Executor`] of this crate.
#[derive(Debug)]
pub struct Simulated;

impl Harness for Simulated {
    type Stream = PipeEnd;
    type Runtime = Self;
    type Transport = SimulatedIo;

    const TELLS_UNACKNOWLEDGED: bool = true;

    fn stream(end: PipeEnd) -> PipeEnd {
        end
    }

    fn run(test: impl Future<Output = ()>) {
        Executor::new().block_on(test);
    }
}

impl Runtime<PipeEnd> for Simulated {
    type Transport = SimulatedIo;

    fn wrap(end: PipeEnd) -> SimulatedIo {
        SimulatedIo {
            end,
            clock: Clock::current(),
        }
    }
}

impl Spawn for Simulated {
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
        Executor::spawn_on_current(future);
    }
}

impl ServeRuntime<PipeEnd> for Simulated {
    type Stream = PipeEnd;
    type Io = SimulatedIo;
}

/// A [`PipeEnd`] with a clock, as a [`Transport`].
#[derive(Debug)]
pub struct SimulatedIo {
    end: PipeEnd,
    clock: Clock,
}

impl SimulatedIo {
    /// Combines an end with a clock. [`Runtime::wrap`] of [`Simulated`] takes [`Clock::current`].
    #[must_use]
    pub fn new(end: PipeEnd, clock: Clock) -> Self {
        Self { end, clock }
    }
}

impl PollRead for SimulatedIo {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.end.poll_read(cx, buf)
    }
}

impl PollWrite for SimulatedIo {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write(cx, chunks)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.poll_flush(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        Some(self.end.unread())
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.poll_shutdown(cx)
    }
}

impl Transport for SimulatedIo {
    type Read = PipeRead;
    type Write = PipeWrite;
    type Timer = Alarm;

    fn timer(&self) -> Alarm {
        self.clock.alarm()
    }

    fn into_split(self) -> (PipeRead, PipeWrite) {
        self.end.split()
    }

    /// The transport is on the [clock of the running test](Clock::current) then.
    fn reunite(read: PipeRead, write: PipeWrite) -> Result<Self, (PipeRead, PipeWrite)> {
        PipeEnd::reunite(read, write).map(|end| Self::new(end, Clock::current()))
    }
}

impl PollRead for PipeRead {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, cx, buf)
    }
}

impl PollWrite for PipeWrite {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(self, cx, chunks)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self, cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        Some(self.unread())
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(self, cx)
    }
}
