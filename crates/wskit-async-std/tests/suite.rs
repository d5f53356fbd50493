//! The shared suite on async-std: what differs between the runtimes is this file.

use std::future::Future;

use wskit_async_std::AsyncStd;
use wskit_driver::Io;
use wskit_test::{Executor, Harness, Paused, PipeEnd};

struct OnAsyncStd;

/// The clock of async-io cannot be paused, so time is the suite's own; everything else is the binding.
impl Harness for OnAsyncStd {
    type Stream = PipeEnd;
    type Runtime = Paused<AsyncStd>;
    type Transport = Io<PipeEnd, Paused<AsyncStd>>;

    fn stream(end: PipeEnd) -> PipeEnd {
        end
    }

    fn run(test: impl Future<Output = ()>) {
        Executor::new().block_on(test);
    }
}

wskit_suite::suite!(OnAsyncStd);
