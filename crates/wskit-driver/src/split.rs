//! A connection that was split into one [`Reader`] and any number of [`Writer`]s.
//!
//! `core` holds what they share, `lanes` schedules messages, and the other files are the handles.

mod any_lane;
mod any_writer;
mod closing;
mod core;
mod handle;
mod lane;
mod lanes;
mod message_lock;
mod reader;
mod reunite;
mod sink;
#[cfg(all(test, not(loom)))]
mod tests;
mod writer;

pub use self::core::Batched;
pub use any_lane::AnyLane;
pub use any_writer::{AnyWeakWriter, AnyWriter};
pub use lane::Lane;
pub use lanes::{Buffered, LaneConfig, Overflow, Priority, Pushed};
pub(crate) use message_lock::MessageLock;
pub use reader::Reader;
pub use reunite::ReuniteError;
pub use writer::{WeakWriter, Writer};

use self::core::Shared;
use crate::engine::Engine;
use crate::link::Whole;
use crate::parts::Terms;
use crate::rare::Rare;
use crate::sync::Arc;
use crate::transport::Transport;

pub(crate) fn split<T: Transport + 'static>(
    mut engine: Engine<T::Timer>,
    link: Whole<T>,
    terms: Rare<Terms>,
) -> (Reader<T>, Writer<T>) {
    // Writers wait for room in the wait queue.
    engine.stop_answering();
    let (read, write) = link.io.into_split();
    let shared = Arc::new(Shared::new(
        link.outbox,
        write,
        link.dirty,
        link.last_mark,
        engine.timer.clone(),
        terms,
    ));
    (
        Reader::new(engine, read, shared.clone()),
        Writer::counted(shared),
    )
}
