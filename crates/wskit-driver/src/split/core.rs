//! What the halves of a split connection share.

mod batch;
mod effects;
mod flags;
mod lane_messages;
mod output;
mod read_side;
mod reader_slot;
mod sender;
mod shared;
mod socket_waker;
mod wait_guard;
mod wait_queue;
mod watchers;

pub use batch::Batched;
pub(super) use output::{FlushTarget, Output};
pub(super) use read_side::ReadSide;
pub(super) use reader_slot::Parked;
pub(super) use sender::{Attempt, Sender};
pub(super) use shared::Shared;
pub(super) use wait_guard::{Cancel, WaitGuard};
pub(super) use wait_queue::{Ticket, WaitFor, Waiter};
