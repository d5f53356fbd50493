//! The engine on real servers.

mod cluster;
mod history;
mod kit;
mod presence;
mod refusing;
mod restarting;
mod sentinel;
mod tls;
