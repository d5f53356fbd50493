use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use wskit_proto::{Outbox, SendError, State};

use super::core::{FlushTarget, Output, Shared, WaitFor, WaitGuard};
use crate::error::ConnectionError;
use crate::transport::Transport;

/// The right to be the only one that queues data, while a message is sent in pieces: the fragments of
/// two messages must not mix (RFC 6455 §5.4). Released when it is dropped.
pub(crate) struct MessageLock<'a, T: Transport> {
    shared: &'a Shared<T>,
    guard: WaitGuard<'a, Shared<T>>,
    /// What a flush in progress waits for.
    target: Option<FlushTarget>,
    held: bool,
}

impl<'a, T: Transport> MessageLock<'a, T> {
    /// Waits for its turn, then for the permits that were given out before.
    pub(super) async fn acquire(shared: &'a Shared<T>) -> Result<Self, ConnectionError> {
        let mut guard = WaitGuard::new(shared);
        poll_fn(|cx| {
            guard.poll(cx, |sender, ticket| {
                sender.try_enter(ticket, Output::lock_message)
            })
        })
        .await?;
        let mut lock = Self {
            shared,
            guard,
            target: None,
            held: true,
        };
        poll_fn(|cx| lock.poll_room(cx)).await?;
        Ok(lock)
    }

    /// Ready when the queue has room and no permits are outstanding.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.guard.poll(cx, |sender, _| {
            if !sender.output.outbox.has_room(0) {
                if let Err(error) = sender.write_out() {
                    return Ok(Err(error.into()));
                }
            }
            if sender.output.outbox.state() != State::Open {
                return Ok(Err(SendError::Closed.into()));
            }
            if sender.output.has_room_in_message() {
                Ok(Ok(()))
            } else {
                Err(WaitFor::RoomInMessage)
            }
        })
    }

    /// Calls `f`, which may queue more. A flush in progress does not wait for that; a later one does.
    pub(crate) fn with_outbound(
        &mut self,
        f: impl FnOnce(&mut Outbox) -> Result<(), SendError>,
    ) -> Result<(), ConnectionError> {
        self.target = None;
        Ok(self
            .shared
            .with_sender(|sender| f(&mut sender.output.outbox))?)
    }

    /// Writes and flushes what is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let target = &mut self.target;
        let flushed = ready!(self.guard.poll_flushing(cx, |sender, _| {
            sender.try_flush(target, WaitFor::HandleFlush)
        }));
        self.target = None;
        Poll::Ready(flushed)
    }

    /// Lets the other writers go on.
    pub(crate) fn release(&mut self) {
        if core::mem::take(&mut self.held) {
            self.shared
                .with_sender(|sender| sender.output.unlock_message());
        }
    }
}

impl<T: Transport> Drop for MessageLock<'_, T> {
    fn drop(&mut self) {
        self.release();
    }
}
