//! Tests that need the inside of a split connection.

mod batch_cost;
mod flush;
mod transport;
mod waiting_cost;
