use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use wskit_proto::{Outcome, TimeoutKind};

use super::core::{Shared, Ticket, WaitFor, WaitGuard};
use crate::error::ConnectionError;
use crate::transport::{Timer, Transport};

/// The wait for the end of a connection, for at most `Config::close_timeout`.
pub(super) struct Closing<C> {
    timer: C,
    /// `None` if it is beyond the clock's range, which means no limit.
    deadline: Option<Instant>,
}

impl<C: Timer> Closing<C> {
    /// Starts the time limit.
    pub(super) fn new<T: Transport<Timer = C>>(shared: &Shared<T>) -> Self {
        let timer = shared.timer();
        let deadline = timer.now().checked_add(shared.close_timeout());
        Self { timer, deadline }
    }

    /// Ready at the end, or when the time limit has passed.
    pub(super) fn poll<T: Transport<Timer = C>>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<T>,
        ticket: &mut Option<Ticket>,
        wait: WaitFor,
    ) -> Poll<Result<Outcome, ConnectionError>> {
        if let Poll::Ready(outcome) = shared.poll_end(cx, ticket, wait) {
            return Poll::Ready(Ok(outcome));
        }
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        match self.timer.poll_until(cx, deadline) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(ConnectionError::NoTimer(error))),
            Poll::Ready(Ok(())) => {
                shared.with_sender(|sender| sender.output.outbox.time_out(TimeoutKind::Close));
                shared.poll_end(cx, ticket, wait).map(Ok)
            }
        }
    }
}

/// Waits for the end of a connection whose Close is queued, for at most `Config::close_timeout`.
pub(super) async fn wait_for_end<T: Transport>(
    shared: &Shared<T>,
) -> Result<Outcome, ConnectionError> {
    let mut closing = Closing::new(shared);
    let mut guard = WaitGuard::new(shared);
    // The guard is borrowed, so that dropping the future drops it.
    poll_fn(|cx| closing.poll(cx, shared, &mut guard.ticket, WaitFor::End)).await
}
