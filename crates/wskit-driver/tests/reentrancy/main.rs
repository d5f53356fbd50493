//! No foreign code runs under a lock: wherever the driver calls code of others (observers, `tracing`, the
//! owners of payloads, errors of the transport, wakers), that code may call every method of the
//! connection.
//!
//! Each test is one such place. It is tried with each method of the table, on a thread of its own, so
//! that a deadlock is a failure with the names of the methods that caused it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod errors;
mod foreign;
mod hook;
mod methods;
mod observers;
mod payloads;
mod room;
mod scene;
mod waker;
mod wakers;
