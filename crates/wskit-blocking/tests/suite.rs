//! The shared suite over this crate's transport and types, with the suite's clock and executor in the place of the
//! thread.

use std::future::Future;

use wskit_blocking::Blocking;
use wskit_driver::Io;
use wskit_test::{Executor, Harness, Paused, PipeEnd};

struct OnThreads;

impl Harness for OnThreads {
    type Stream = PipeEnd;
    type Runtime = Paused<Blocking>;
    type Transport = Io<PipeEnd, Paused<Blocking>>;

    fn stream(end: PipeEnd) -> PipeEnd {
        end
    }

    fn run(test: impl Future<Output = ()>) {
        Executor::new().block_on(test);
    }
}

wskit_suite::suite!(OnThreads);
