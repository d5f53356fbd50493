#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod backoff;
mod builder;
mod command;
mod connect;
mod fault;
mod find;
mod flights;
mod inbox;
mod keys;
mod payload;
mod queue;
mod redis_engine;
mod session;
mod telemetry;
mod worker;

pub use builder::Builder;
pub use fault::{ConnectError, Fault};
pub use redis_engine::Redis;
