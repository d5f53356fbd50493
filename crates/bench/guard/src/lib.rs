//! What is measured: wskit's own server and a client of a known price, in one thread.
//!
//! The programs of this package run one [`Cell`] each under a tool that counts. Everything between
//! two calls of [`mark`](count::mark) counts, except what happens inside the client's turn.

pub mod cell;
pub mod client;
pub mod count;
pub mod frames;
pub mod hub;
pub mod memory;
pub mod raw;
pub mod server;
pub mod subject;
pub mod tls;

pub use cell::Cell;
