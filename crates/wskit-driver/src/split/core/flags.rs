//! What the sending half says of itself without its lock.

/// Something is queued or not flushed.
pub(crate) const UNFLUSHED: usize = 1;
/// The queue is over its high-water mark.
pub(crate) const OVER: usize = 2;
/// Not open any more.
pub(crate) const CLOSING: usize = 4;
/// Over.
pub(crate) const CLOSED: usize = 8;
/// Messages wait in lanes.
pub(crate) const LANES: usize = 16;
/// Some of them could be encoded now.
pub(crate) const DUE: usize = 32;
/// A message is being sent in pieces.
pub(crate) const MESSAGE_OPEN: usize = 64;
/// The reader was dropped: those who wait read in its place.
pub(crate) const PARKED: usize = 256;
/// Somebody waits in the line, or for the transport to take bytes.
pub(crate) const CONTENDED: usize = 128;
