//! `Server::serve`, on pipes and a clock in memory: what it accepts, whom it serves and what it reports.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../collector/mod.rs"]
mod collector;
mod errors;
mod handlers;
mod listeners;
mod room;
mod scene;
mod shutdown;
