//! A connection that was split into one [`Reader`] and any number of [`Writer`]s.
//!
//! `core` holds what they share, `lanes` schedules messages, and the other files are the handles.

mod closing;
mod core;
mod lane;
mod lanes;
mod message_lock;
mod reader;
mod sink;
#[cfg(all(test, not(loom)))]
mod tests;
mod writer;

pub use lane::Lane;
pub use lanes::{Buffered, LaneConfig, Overflow, Priority, Pushed};
pub(crate) use message_lock::MessageLock;
pub use reader::Reader;
pub use writer::{WeakWriter, Writer};

use self::core::Shared;
use crate::engine::Engine;
use crate::link::Whole;
use crate::sync::Arc;
use crate::transport::Transport;

pub(crate) fn split<T: Transport + 'static>(
    mut engine: Engine<T::Timer>,
    link: Whole<T>,
    protocol: Option<Box<str>>,
) -> (Reader<T>, Writer<T>) {
    // Writers wait for room in the wait queue.
    engine.stop_answering();
    let (read, write) = link.io.into_split();
    let shared = Arc::new(Shared::new(
        link.outbox,
        write,
        link.dirty,
        engine.timer.clone(),
        protocol,
    ));
    (
        Reader::new(engine, read, shared.clone()),
        Writer::counted(shared),
    )
}
