//! What a connection holds and allocates, counted by an allocator.

#[path = "../wire/mod.rs"]
mod wire;

mod announced_lengths;
mod buffer_bytes;
mod bytes_held;
mod compression;
mod dropped_connections;
mod floods;
mod large_messages;
mod pooled_buffers;
mod read_buffers;
mod write_buffers;

use wskit_test::alloc::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
