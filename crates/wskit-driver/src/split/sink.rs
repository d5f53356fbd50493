//! `Sink` for a [`Writer`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_sink::Sink;
use wskit_proto::{
    CloseCode, CloseFrame, Message, Outcome, Outgoing, SendError, State, TimeoutKind,
};

use super::core::Sender;
use super::core::Shared;
use super::core::{FlushTarget, Ticket, WaitFor};
use super::writer::Writer;
use crate::error::ConnectionError;
use crate::transport::{PollWrite, Timer, Transport};

/// What a writer remembers between the calls of a `Sink`.
pub(super) struct SinkState<C> {
    ticket: Option<Ticket>,
    /// What has to be written for everything fed through this sink to be out.
    target: Option<FlushTarget>,
    /// A message that came while another writer was sending one in pieces.
    held: Option<Outgoing<'static>>,
    closing: Option<Closing<C>>,
}

impl<C> SinkState<C> {
    pub(super) fn ticket(&mut self) -> &mut Option<Ticket> {
        &mut self.ticket
    }

    /// Queues the message that was held back, if it may go now.
    fn feed_held<W: PollWrite>(&mut self, sender: &mut Sender<W>) -> Poll<Result<(), SendError>> {
        if self.held.is_none() {
            return Poll::Ready(Ok(()));
        }
        match sender.feed_reserved(&mut self.held) {
            Ok(()) => {
                self.target = Some(sender.flush_target());
                Poll::Ready(Ok(()))
            }
            Err(SendError::MessageOpen) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// The wait for the end of a connection, at most `Config::close_timeout` from when it began.
pub(super) struct Closing<C> {
    timer: C,
    /// `None` if it is beyond the clock's range, which is no limit.
    deadline: Option<Instant>,
}

impl<C: Timer> Closing<C> {
    pub(super) fn new<T: Transport<Timer = C>>(shared: &Shared<T>) -> Self {
        let timer = shared.timer();
        let deadline = timer.now().checked_add(shared.close_timeout());
        Self { timer, deadline }
    }

    pub(super) fn poll<T: Transport<Timer = C>>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<T>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Outcome, ConnectionError>> {
        if let Poll::Ready(outcome) = shared.poll_end(cx, ticket) {
            return Poll::Ready(Ok(outcome));
        }
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        match self.timer.poll_until(cx, deadline) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(ConnectionError::NoTimer(error))),
            Poll::Ready(Ok(())) => {
                shared.with_sender(|sender| sender.outbox.time_out(TimeoutKind::Close));
                shared.poll_end(cx, ticket).map(Ok)
            }
        }
    }
}

impl<T: Transport> Writer<T> {
    fn sink(&mut self) -> (&Shared<T>, &mut SinkState<T::Timer>) {
        let sink = self.sink.get_or_insert_with(|| {
            Box::new(SinkState {
                ticket: None,
                target: None,
                held: None,
                closing: None,
            })
        });
        (&self.shared, sink)
    }

    /// Queues a message that was held back, once there is room and no message is sent in pieces.
    fn poll_sink_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let (shared, sink) = self.sink();
        let mut ticket = sink.ticket.take();
        let polled = shared.poll_in(cx, &mut ticket, |sender, _| {
            if sender.outbox.state() != State::Open {
                return Ok(Err(SendError::Closed.into()));
            }
            if !sender.has_room_for_sink() {
                if let Poll::Ready(Err(error)) = sender.poll_write_out() {
                    return Ok(Err(sender.write_failed(error)));
                }
            }
            if !sender.has_room_for_sink() {
                return Err(WaitFor::SinkRoom);
            }
            match sink.feed_held(sender) {
                Poll::Ready(fed) => Ok(fed.map_err(ConnectionError::from)),
                Poll::Pending => Err(WaitFor::SinkRoom),
            }
        });
        sink.ticket = ticket;
        polled
    }
}

/// `poll_ready` waits while the queue is over its mark or another writer sends a message in pieces;
/// `start_send` after it fails only when the connection has ended. `poll_flush` is ready when everything
/// sent through this sink before has been written.
///
/// `poll_close` starts the closing handshake with code 1000 and waits for the end of the connection, at
/// most `Config::close_timeout`; an ending that is not clean is an error. The reader's task must be
/// receiving meanwhile, and gets what the peer still sends.
impl<T: Transport> Sink<Message> for Writer<T> {
    type Error = ConnectionError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        // Without a place in the line: a sink that is not polled any more would keep it.
        self.poll_sink_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), ConnectionError> {
        let (shared, sink) = self.sink();
        let mut message = Some(Outgoing::from(message));
        shared.with_sender(|sender| match sender.feed_reserved(&mut message) {
            // Another writer has begun one in pieces since `poll_ready`.
            Err(SendError::MessageOpen) if sink.held.is_none() => {
                sink.held = message.take();
                Ok(())
            }
            Ok(()) => {
                sink.target = Some(sender.flush_target());
                Ok(())
            }
            Err(error) => Err(error.into()),
        })
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let (shared, sink) = self.sink();
        let mut ticket = sink.ticket.take();
        let polled = shared.poll_in(cx, &mut ticket, |sender, _| {
            match sink.feed_held(sender) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Ok(Err(error.into())),
                Poll::Pending => return Err(WaitFor::SinkRoom),
            }
            let target = *sink.target.get_or_insert_with(|| sender.flush_target());
            match sender.poll_flush(target) {
                Poll::Ready(flushed) => Ok(flushed),
                Poll::Pending => Err(WaitFor::SinkFlush(target)),
            }
        });
        sink.ticket = ticket;
        if polled.is_ready() {
            sink.target = None;
        }
        shared.drive_parked();
        polled
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.sink().1.held.is_some() {
            ready!(self.poll_sink_room(cx))?;
        }
        let (shared, sink) = self.sink();
        let closing = match &mut sink.closing {
            Some(closing) => closing,
            none => {
                let close = CloseFrame::new(CloseCode::NORMAL, "");
                shared.with_sender(|sender| sender.close(&close))?;
                none.insert(Closing::new(shared))
            }
        };
        let outcome = ready!(closing.poll(cx, shared, &mut sink.ticket))?;
        Poll::Ready(ConnectionError::of_outcome(&outcome).map_or(Ok(()), Err))
    }
}
