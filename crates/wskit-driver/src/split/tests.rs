//! Tests that need the inside of a split connection.

mod flush;
mod transport;
mod waiting_cost;
