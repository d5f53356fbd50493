//! A connection used as an `Inbound` and an `Outbound`.

#[path = "../wire/mod.rs"]
mod wire;

mod counters;
mod decompression_work;
mod independent_halves;
mod pings_in_order;
mod whole_message_as_piece;
