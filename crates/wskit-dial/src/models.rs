//! Models of threads that dial: loom runs every order of their steps, with a limited number of forced
//! switches between them. A wake-up that is lost is a deadlock, which loom reports.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wskit-dial --lib --release models`;
//! `LOOM_MAX_PREEMPTIONS` raises the number of switches.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../wskit-driver/src/models/executor.rs"]
mod executor;
#[path = "../../wskit-driver/src/models/exploration.rs"]
mod exploration;
mod reconnect;
mod semaphore;

use exploration::{join, model, spawn_with};
