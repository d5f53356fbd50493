use std::task::{Context, Poll};

use super::sender::{Attempt, Sender};
use super::shared::Shared;
use super::wait_queue::Ticket;
use crate::error::ConnectionError;
use crate::transport::Transport;

/// The waiter of a future in the wait queue. It is removed when this is dropped.
pub(crate) struct WaitGuard<'a, T: Transport> {
    shared: &'a Shared<T>,
    pub(crate) ticket: Option<Ticket>,
}

impl<'a, T: Transport> WaitGuard<'a, T> {
    pub(crate) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }

    /// Calls [`Shared::poll_sender`].
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&mut Sender<T::Write, T::Timer>, &mut Option<Ticket>) -> Attempt<()>,
    ) -> Poll<Result<(), ConnectionError>> {
        self.shared.poll_sender(cx, &mut self.ticket, attempt)
    }

    /// Calls [`Shared::poll_flushing`].
    pub(crate) fn poll_flushing(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&mut Sender<T::Write, T::Timer>, &mut Option<Ticket>) -> Attempt<()>,
    ) -> Poll<Result<(), ConnectionError>> {
        self.shared.poll_flushing(cx, &mut self.ticket, attempt)
    }
}

impl<T: Transport> Drop for WaitGuard<'_, T> {
    fn drop(&mut self) {
        self.shared.cancel(&mut self.ticket);
    }
}
