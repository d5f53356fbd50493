use std::task::{Context, Poll};

use super::sender::{Attempt, Sender};
use super::shared::Shared;
use super::wait_queue::Ticket;
use crate::error::ConnectionError;
use crate::transport::Transport;

/// What has a wait queue.
pub(crate) trait Cancel {
    /// Removes a waiter whose future is dropped.
    fn cancel(&self, ticket: &mut Option<Ticket>);
}

impl<T: Transport> Cancel for Shared<T> {
    fn cancel(&self, ticket: &mut Option<Ticket>) {
        Self::cancel(self, ticket);
    }
}

/// The waiter of a future in the wait queue. It is removed when this is dropped.
pub(crate) struct WaitGuard<'a, S: Cancel + ?Sized> {
    pub(crate) shared: &'a S,
    pub(crate) ticket: Option<Ticket>,
}

impl<'a, S: Cancel + ?Sized> WaitGuard<'a, S> {
    pub(crate) fn new(shared: &'a S) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }
}

impl<T: Transport> WaitGuard<'_, Shared<T>> {
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

impl<S: Cancel + ?Sized> Drop for WaitGuard<'_, S> {
    fn drop(&mut self) {
        self.shared.cancel(&mut self.ticket);
    }
}
