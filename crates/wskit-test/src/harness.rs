use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wskit_driver::{PollRead, PollWrite, Runtime, Timer, Transport, within};

use crate::clock::{Alarm, Clock};
use crate::executor::Executor;
use crate::pipe::{PipeEnd, PipeRead, PipeWrite, pipe};

/// All that differs between the runtimes, for the [`suite!`](crate::suite!).
pub trait Harness {
    /// A [`PipeEnd`] as a stream that the runtime can read and write.
    type Stream: 'static;
    /// The binding under test.
    type Runtime: Runtime<Self::Stream, Transport = Self::Transport>;
    /// What it makes of the stream. (`Stream` and `Sink` ask for what they hold to be `Unpin`.)
    type Transport: Transport<Timer: Unpin> + Unpin + 'static;

    /// Whether its transport tells what the peer has not acknowledged, over a pipe.
    const TELLS_UNACKNOWLEDGED: bool = false;

    /// Dresses an end of a pipe in the runtime's traits.
    fn stream(end: PipeEnd) -> Self::Stream;

    /// Runs a test to its end on one thread, in virtual time that goes on by itself when nothing can
    /// run. (A test that stalls is then found by a deadline of the suite's own.)
    fn run(test: impl Future<Output = ()>);

    /// Moves the virtual time on at once, although tasks can run.
    fn advance(time: Duration) {
        Clock::current().advance(time);
    }
}

/// The transport that a harness makes.
pub type Io<H> = <H as Harness>::Transport;

/// The alarm of a harness's runtime.
pub type TimerOf<H> = <Io<H> as Transport>::Timer;

/// Dresses an end in the binding's transport.
pub fn wrap<H: Harness>(end: PipeEnd) -> Io<H> {
    H::Runtime::wrap(H::stream(end))
}

/// An alarm of the runtime's.
pub fn timer<H: Harness>() -> TimerOf<H> {
    wrap::<H>(pipe(1).0).timer()
}

/// The time now.
pub fn now<H: Harness>() -> Instant {
    timer::<H>().now()
}

/// Lets virtual time pass.
pub async fn sleep<H: Harness>(time: Duration) {
    let mut timer = timer::<H>();
    let deadline = timer.now() + time;
    poll_fn(|cx| timer.poll_until(cx, deadline))
        .await
        .expect("a timer");
}

/// Runs a test in which time must not pass: whoever was not woken when he should have been would
/// otherwise be helped by the next deadline, and nobody would notice.
pub fn run<H: Harness>(test: impl Future<Output = ()>) {
    run_timed::<H>(async {
        let start = now::<H>();
        test.await;
        let passed = now::<H>() - start;
        assert!(
            passed.is_zero(),
            "a wake-up was lost: {passed:?} passed until a deadline helped"
        );
    });
}

/// Runs a test about time.
pub fn run_timed<H: Harness>(test: impl Future<Output = ()>) {
    H::run(async {
        // Every deadline of the connections is far below.
        let done = within(timer::<H>(), Duration::from_secs(1 << 20), test).await;
        assert!(done.is_ok(), "stalled: nobody will wake these tasks");
    });
}

/// The driver's own harness: pipes, the fake clock and the [`Executor`] of this crate, no runtime.
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

/// A [`PipeEnd`] with the clock of the executor that it was made on.
#[derive(Debug)]
pub struct SimulatedIo {
    end: PipeEnd,
    clock: Clock,
}

impl SimulatedIo {
    /// An end with a clock of the caller's.
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
