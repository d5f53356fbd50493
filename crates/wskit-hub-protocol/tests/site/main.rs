//! Sessions on a hub, over connections in memory.

mod gaps;
mod kit;
mod orders;
mod recovering;
mod requests;
mod times;
