use std::future::{Future, poll_fn};
use std::time::{Duration, Instant};

use wskit_driver::{Runtime, SendTransport, Timer, Transport, within};

use crate::clock::Clock;
use crate::pipe::{PipeEnd, pipe};

/// What differs between runtimes for tests over pipes: the stream, the binding and how a test runs.
///
/// [`Simulated`](crate::Simulated) is the harness without a runtime.
pub trait Harness: 'static {
    /// A [`PipeEnd`] as a stream with the runtime's read and write traits.
    type Stream: 'static;
    /// The binding under test.
    type Runtime: Runtime<Self::Stream, Transport = Self::Transport>;
    /// The transport that the binding makes of the stream. `Stream` and `Sink` need it to be `Unpin`.
    type Transport: SendTransport<Timer: Unpin> + Unpin;

    /// Whether the transport, over a pipe, reports the bytes that the peer has not acknowledged.
    const TELLS_UNACKNOWLEDGED: bool = false;

    /// Wraps an end of a pipe in a stream of the runtime.
    fn stream(end: PipeEnd) -> Self::Stream;

    /// Runs a test to its end on one thread, in virtual time that advances by itself when no task can
    /// run. A test that stalls then meets the deadline of [`run_timed`].
    fn run(test: impl Future<Output = ()>);

    /// Advances the virtual time at once, although tasks can run.
    fn advance(time: Duration) {
        Clock::current().advance(time);
    }
}

/// The transport of a harness.
pub type Io<H> = <H as Harness>::Transport;

/// The timer of a harness's transport.
pub type TimerOf<H> = <Io<H> as Transport>::Timer;

/// Wraps an end of a pipe in the binding's transport.
pub fn wrap<H: Harness>(end: PipeEnd) -> Io<H> {
    H::Runtime::wrap(H::stream(end))
}

/// Returns a timer of the runtime.
pub fn timer<H: Harness>() -> TimerOf<H> {
    wrap::<H>(pipe(1).0).timer()
}

/// Returns the virtual time now.
pub fn now<H: Harness>() -> Instant {
    timer::<H>().now()
}

/// Waits until this much virtual time has passed.
pub async fn sleep<H: Harness>(time: Duration) {
    let mut timer = timer::<H>();
    let deadline = timer.now() + time;
    poll_fn(|cx| timer.poll_until(cx, deadline))
        .await
        .expect("a timer");
}

/// Runs a test and asserts that no virtual time passes.
///
/// A task that misses a wake-up would otherwise go on at the next deadline, and the test would pass.
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

/// Runs a test in which virtual time may pass. It panics after 2^20 virtual seconds.
pub fn run_timed<H: Harness>(test: impl Future<Output = ()>) {
    H::run(async {
        // Far above every deadline of a connection.
        let done = within(timer::<H>(), Duration::from_secs(1 << 20), test).await;
        assert!(done.is_ok(), "stalled: nothing will wake these tasks");
    });
}
