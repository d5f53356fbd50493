//! Input in any split, spans that are kept too long, and drivers that make mistakes.

#[path = "../wire/mod.rs"]
mod wire;

mod fresh_reads;
mod input_splits;
mod outbox_queue;
mod stale_spans;
mod text_byte_by_byte;
mod wrong_driver_calls;
