//! No foreign code runs under a lock: from everywhere where the driver calls code of others (observers,
//! `tracing`, the owners of payloads, wakers), every method of the connection may be called.
//!
//! Each test is a place; it is tried with each method of the table, on a thread of its own, so that a
//! deadlock is a failure with the names of the methods that caused it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod hook;
mod methods;
mod observers;
mod payloads;
mod room;
mod scene;
mod waker;
mod wakers;
