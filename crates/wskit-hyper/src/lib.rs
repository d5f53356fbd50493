#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
mod io;
mod opening;
mod refused;
mod server;

pub use client::{handshake, open};
pub use io::{Io, IoRead, IoWrite};
pub use opening::Opening;
pub use refused::Refused;
pub use server::{Attempt, Upgrade, upgrade};
pub use wskit_driver::{Error, Event};
pub use wskit_tokio::{Client, Server};

/// A WebSocket connection that hyper has handed over; see [`wskit_driver::WebSocket`].
pub type WebSocket = wskit_driver::WebSocket<Io>;
/// The receiving half of a split connection; see [`wskit_driver::Reader`].
pub type Reader = wskit_driver::Reader<Io>;
/// A sending half of a split connection; see [`wskit_driver::Writer`].
pub type Writer = wskit_driver::Writer<Io>;
