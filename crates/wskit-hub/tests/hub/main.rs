//! A hub and its peers, over connections in memory.

mod closing;
mod driving;
mod engine;
mod faults;
mod holding;
mod kit;
mod refusing;
mod slow;
mod subscribing;
