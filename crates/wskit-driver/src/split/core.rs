//! What the halves of a split connection share.

mod flags;
mod parked;
mod sender;
mod sender_lanes;
mod shared;
mod socket_waker;
mod wait_queue;

pub(super) use parked::Parked;
pub(super) use sender::Sender;
pub(super) use shared::{ReadSide, Shared, WaitGuard};
pub(super) use wait_queue::{FlushTarget, Ticket, WaitFor};
