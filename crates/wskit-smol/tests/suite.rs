//! The shared suite on smol: what differs between the runtimes is this file.

use std::future::Future;

use wskit_driver::Io;
use wskit_smol::Smol;
use wskit_test::{Executor, Harness, Paused, PipeEnd};

struct OnSmol;

/// The clock of async-io cannot be paused, so time is the suite's own; everything else is the binding.
impl Harness for OnSmol {
    type Stream = PipeEnd;
    type Runtime = Paused<Smol>;
    type Transport = Io<PipeEnd, Paused<Smol>>;

    fn stream(end: PipeEnd) -> PipeEnd {
        end
    }

    fn run(test: impl Future<Output = ()>) {
        Executor::new().block_on(test);
    }
}

wskit_suite::suite!(OnSmol);
