//! The same bytes and calls to tungstenite and to this crate, in one process. What they return and what
//! they write is compared. Each difference that is meant has a test of its own in `differences.rs`, and a
//! row in the README.

mod calls;
mod differences;
mod end;
mod handshakes;
mod script;
mod wire;
