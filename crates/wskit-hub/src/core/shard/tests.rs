//! The shard alone, with connections that take as many messages as a test lets them.

mod model;
mod order;
mod slow;
mod world;
mod writes;
