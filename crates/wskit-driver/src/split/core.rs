//! What the halves of a split connection share.

mod flags;
mod parked;
mod shared;
mod socket_waker;
mod tx;
mod tx_lanes;
mod wait_queue;

pub(super) use parked::Parked;
pub(super) use shared::{ReadSide, Shared, WaitGuard};
pub(super) use tx::Tx;
pub(super) use wait_queue::{FlushTarget, Ticket, WaitFor};
