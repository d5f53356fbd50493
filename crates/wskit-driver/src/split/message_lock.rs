use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use wskit_proto::{Outbox, SendError, State};

use super::core::Sender;
use super::core::{FlushTarget, WaitFor};
use super::core::{Shared, WaitGuard};
use super::writer::Writer;
use crate::error::ConnectionError;
use crate::transport::Transport;

/// The right to be the only one who queues data, while a message is sent in pieces (RFC 6455 §5.4:
/// the fragments of two messages do not mix). Given up when it is dropped.
pub(crate) struct MessageLock<'a, T: Transport> {
    shared: &'a Shared<T>,
    guard: WaitGuard<'a, T>,
    /// What a flush in progress waits for.
    target: Option<FlushTarget>,
    held: bool,
}

impl<'a, T: Transport> MessageLock<'a, T> {
    /// Waits for its turn in the line, then for the permits that were given out before.
    pub(crate) async fn new(writer: &'a Writer<T>) -> Result<Self, ConnectionError> {
        let shared = &*writer.shared;
        let mut guard = WaitGuard::new(shared);
        poll_fn(|cx| guard.poll_enter(cx, Sender::lock_message)).await?;
        let mut lock = Self {
            shared,
            guard,
            target: None,
            held: true,
        };
        poll_fn(|cx| lock.poll_room(cx)).await?;
        Ok(lock)
    }

    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.guard.poll(cx, |sender, _| {
            if !sender.outbox.has_room(0) {
                if let Poll::Ready(Err(error)) = sender.poll_write_out() {
                    return Ok(Err(sender.write_failed(error)));
                }
            }
            if sender.outbox.state() != State::Open {
                return Ok(Err(SendError::Closed.into()));
            }
            if sender.has_room_in_message() {
                Ok(Ok(()))
            } else {
                Err(WaitFor::RoomInMessage)
            }
        })
    }

    /// Calls `f`, which may queue more: a flush in progress does not wait for that, a later one does.
    pub(crate) fn with_outbound(
        &mut self,
        f: impl FnOnce(&mut Outbox) -> Result<(), SendError>,
    ) -> Result<(), ConnectionError> {
        self.target = None;
        Ok(self.shared.with_sender(|sender| f(&mut sender.outbox))?)
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let flushed = ready!(self.shared.poll_flush(
            cx,
            &mut self.guard.ticket,
            &mut self.target,
            WaitFor::Flush
        ));
        self.target = None;
        Poll::Ready(flushed)
    }

    /// Lets the others in.
    pub(crate) fn give_up(&mut self) {
        if core::mem::take(&mut self.held) {
            self.shared.with_sender(Sender::unlock_message);
        }
    }
}

impl<T: Transport> Drop for MessageLock<'_, T> {
    fn drop(&mut self) {
        self.give_up();
    }
}
