//! Tests that need the inside of a split connection.

mod flush;
mod waiting_cost;
