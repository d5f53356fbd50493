#![doc = include_str!("../README.md")]
#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "everything here helps a test: it reports by panicking"
)]

pub mod alloc;
mod clock;
mod executor;
mod faults;
mod flood;
mod frames;
#[cfg(feature = "futures-io")]
mod futures_io;
mod harness;
mod join;
mod network;
mod pipe;
mod probe;
mod script;
mod simulated;

pub use clock::{Alarm, Clock};
pub use executor::Executor;
pub use faults::{Fault, Faults};
pub use flood::Flood;
pub use frames::{Frame, Frames, KEY, opposite};
#[cfg(feature = "futures-io")]
pub use futures_io::Paused;
pub use harness::{Harness, Io, TimerOf, now, run, run_timed, sleep, timer, wrap};
pub use join::{Boxed, cut, join, join_all, once, pause};
pub use network::{Answer, Network, NetworkTimer, OnNetwork};
pub use pipe::{PipeEnd, PipeRead, PipeWrite, pipe};
pub use probe::Probe;
pub use script::Script;
pub use simulated::{Simulated, SimulatedIo};
