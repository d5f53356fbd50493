use std::task::{Context, Poll, ready};

use wskit_proto::{CloseCode, CloseFrame, Message, Outgoing, SendError, State};

use super::closing::Closing;
use super::core::{Attempt, FlushTarget, Output, Shared, Ticket, WaitFor};
use crate::error::ConnectionError;
use crate::transport::{PollWrite, Timer, Transport};

/// What a writer remembers between the calls of its `Sink`.
pub(super) struct SinkState<C> {
    pub(super) ticket: Option<Ticket>,
    /// What has to be written for everything fed through this sink to be out.
    target: Option<FlushTarget>,
    /// A message that came while another writer was sending one in pieces.
    held: Option<Outgoing<'static>>,
    closing: Option<Closing<C>>,
}

impl<C> Default for SinkState<C> {
    fn default() -> Self {
        Self {
            ticket: None,
            target: None,
            held: None,
            closing: None,
        }
    }
}

impl<C: Timer> SinkState<C> {
    /// Waits for room, without a turn: a sink that is not polled any more would keep it. Queues the
    /// message that was held back.
    pub(super) fn poll_ready<T: Transport<Timer = C>>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<T>,
    ) -> Poll<Result<(), ConnectionError>> {
        let mut ticket = self.ticket.take();
        let polled = shared.poll_sender(cx, &mut ticket, |sender, _| {
            if sender.output.outbox.state() != State::Open {
                return Ok(Err(SendError::Closed.into()));
            }
            if !sender.output.has_room() {
                if let Err(error) = sender.write_out() {
                    return Ok(Err(error.into()));
                }
            }
            if !sender.output.has_room() {
                return Err(WaitFor::SinkRoom);
            }
            self.feed_held(&mut sender.output)
        });
        self.ticket = ticket;
        polled
    }

    /// Queues a message, or holds it back if another writer has begun one in pieces since
    /// [`poll_ready`](SinkState::poll_ready).
    pub(super) fn start_send<T: Transport<Timer = C>>(
        &mut self,
        shared: &Shared<T>,
        message: Message,
    ) -> Result<(), ConnectionError> {
        let mut message = Some(Outgoing::from(message));
        shared.with_sender(|sender| match sender.output.feed_reserved(&mut message) {
            Err(SendError::MessageOpen) if self.held.is_none() => {
                self.held = message.take();
                Ok(())
            }
            Ok(()) => {
                self.target = Some(sender.output.flush_target());
                Ok(())
            }
            Err(error) => Err(error.into()),
        })
    }

    pub(super) fn poll_flush<T: Transport<Timer = C>>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<T>,
    ) -> Poll<Result<(), ConnectionError>> {
        let mut ticket = self.ticket.take();
        let polled = shared.poll_flushing(cx, &mut ticket, |sender, _| {
            if let Err(error) = self.feed_held(&mut sender.output)? {
                return Ok(Err(error));
            }
            sender.try_flush(&mut self.target, WaitFor::HandleFlush)
        });
        self.ticket = ticket;
        if polled.is_ready() {
            self.target = None;
        }
        polled
    }

    pub(super) fn poll_close<T: Transport<Timer = C>>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<T>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.held.is_some() {
            ready!(self.poll_ready(cx, shared))?;
        }
        let closing = match &mut self.closing {
            Some(closing) => closing,
            none => {
                let close = CloseFrame::new(CloseCode::NORMAL, "");
                shared.with_sender(|sender| sender.close(&close))?;
                none.insert(Closing::new(shared))
            }
        };
        let outcome = ready!(closing.poll(cx, shared, &mut self.ticket, WaitFor::HandleEnd))?;
        Poll::Ready(ConnectionError::of_outcome(&outcome).map_or(Ok(()), Err))
    }

    /// Queues the message that was held back, if no message is open.
    pub(super) fn feed_held<W: PollWrite>(&mut self, output: &mut Output<W>) -> Attempt<()> {
        if self.held.is_none() {
            return Ok(Ok(()));
        }
        match output.take_reserved(&mut self.held) {
            Ok(()) => {
                self.target = Some(output.flush_target());
                Ok(Ok(()))
            }
            Err(SendError::MessageOpen) => Err(WaitFor::SinkRoom),
            Err(error) => Ok(Err(error.into())),
        }
    }
}
