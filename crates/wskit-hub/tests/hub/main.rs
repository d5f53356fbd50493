//! A hub and its peers, over connections in memory.

mod subscribing;
