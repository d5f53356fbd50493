//! Models of threads that share a connection: loom runs every order of their steps, up to a number of
//! forced switches between them.
//!
//! The code under test is the real one, over a socket and a clock for models. A lost wake-up is a
//! deadlock, which loom reports. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p wskit-driver --lib --release models`; `LOOM_MAX_PREEMPTIONS`
//! raises the number of switches.
#![allow(clippy::unwrap_used, reason = "tests")]

mod batch;
mod byte_stream;
mod closing;
mod executor;
mod exploration;
mod lanes;
mod reader;
mod room;
mod shutdown;
mod sink;
mod socket;
mod tasks;
mod writers;

use exploration::{join, model, spawn_with};
