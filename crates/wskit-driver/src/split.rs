//! A connection in two hands: one [`Reader`], many [`Writer`]s.

mod claim;
mod flags;
#[cfg(all(test, not(loom)))]
mod flush_tests;
mod lane;
mod lane_config;
mod lanes;
mod parked;
mod reader;
mod shared;
mod sink;
mod socket_waker;
mod tx;
mod tx_lanes;
mod waiting;
#[cfg(all(test, not(loom)))]
mod waiting_cost;
mod weak;
mod writer;

pub(crate) use claim::Claim;
pub use lane::{Buffered, Lane, Pushed};
pub use lane_config::{LaneConfig, Overflow, Priority};
pub use reader::{ReadRef, Reader, ReaderPiece};
pub use weak::WeakWriter;
pub use writer::{WritePermit, Writer};

use crate::engine::Engine;
use crate::link::Whole;
use crate::sync::Arc;
use crate::transport::Transport;
use shared::Shared;

pub(crate) fn split<T: Transport + 'static>(
    mut engine: Engine<T::Timer>,
    link: Whole<T>,
    protocol: Option<Box<str>>,
) -> (Reader<T>, Writer<T>) {
    // The writers wait for room themselves.
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
