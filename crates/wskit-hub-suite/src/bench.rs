//! What scenarios run on.

use std::future::Future;
use std::time::Duration;

use wskit_hub::Engine;

use crate::link::Link;

/// A server, and engines that use it. Each scenario has one of its own.
///
/// Faults that are not offered return `false`: scenarios that need them end there.
pub trait Bench: Sized {
    /// The engine.
    type Engine: Engine;

    /// Starts a server.
    fn start() -> impl Future<Output = Self>;

    /// Creates the engine of another hub, and what disturbs its connections. The server may be down.
    fn engine(&self) -> impl Future<Output = (Self::Engine, Box<dyn Line>)>;

    /// Returns how long a hub that is not heard of is taken as present. Let it be some seconds.
    fn lease(&self) -> Duration;

    /// Returns how long scenarios wait for anything.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Returns a size of payloads, in bytes, that the server takes, and one that is refused, if it refuses any
    /// within 16 MiB.
    fn sizes(&self) -> Option<(usize, usize)> {
        None
    }

    /// Kills the server. Its engines reach nothing until [`restart`](Self::restart).
    fn kill(&self) -> bool {
        false
    }

    /// Starts the server again. It may have lost all messages.
    fn restart(&self) -> bool {
        false
    }

    /// Has the server lose all that it knows: it is killed and started again.
    fn wipe(&self) -> bool {
        false
    }
}

/// What disturbs the connections of one engine. A [`Link`] is one; `()` disturbs nothing.
pub trait Line: Send {
    /// Ends them, with RST. New ones are accepted.
    fn cut(&self) -> bool {
        false
    }

    /// Ends them, and new ones too, until [`pass`](Self::pass).
    fn refuse(&self) -> bool {
        false
    }

    /// Ends them, with RST, after this many bytes from the server. New ones are accepted.
    fn cut_after(&self, _bytes: usize) -> bool {
        false
    }

    /// Passes nothing on until [`pass`](Self::pass), without ending them.
    fn stall(&self) -> bool {
        false
    }

    /// Passes on one byte at a time.
    fn trickle(&self) -> bool {
        false
    }

    /// Passes everything on again.
    fn pass(&self) {}
}

impl Line for () {}

impl Line for Link {
    fn cut(&self) -> bool {
        Self::cut(self);
        true
    }

    fn refuse(&self) -> bool {
        Self::refuse(self);
        true
    }

    fn cut_after(&self, bytes: usize) -> bool {
        Self::cut_after(self, bytes);
        true
    }

    fn stall(&self) -> bool {
        Self::stall(self);
        true
    }

    fn trickle(&self) -> bool {
        Self::trickle(self);
        true
    }

    fn pass(&self) {
        Self::pass(self);
    }
}

/// Runs a scenario on tokio, for at most two minutes.
pub fn run<B: Bench>(scenario: impl AsyncFnOnce(&B)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let limit = Duration::from_secs(120);
        let scenario = async { scenario(&B::start().await).await };
        let done = tokio::time::timeout(limit, scenario).await;
        done.expect("the scenario ends within two minutes");
    });
}
