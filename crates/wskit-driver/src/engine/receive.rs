//! Receiving events, in any way.

use std::task::{Context, Poll, ready};

use wskit_proto::{Delivery, Ending, Event, Message, Outcome, Span};

use super::Engine;
use super::turn::{Task, Turn};
use crate::error::ConnectionError;
use crate::link::Link;
use crate::transport::Timer;

/// The next event; `None` at the end.
pub(super) type Next = Result<Option<Event<Span, Span>>, ConnectionError>;

impl<C: Timer> Engine<C> {
    /// Receives the next event; `None` at the end. An ending that is not clean is an error once before.
    ///
    /// Queued bytes are written before this waits. While the owner answers, they are also written
    /// before more is returned, as long as the queue is over its high-water mark.
    #[inline]
    pub(crate) fn poll_ready<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<Next> {
        self.receiving = true;
        if self.read_ahead.is_none() && !(self.backpressure.is_on() && link.is_over_high_water()) {
            if let Some(event) = self.inbound.next_fast_event() {
                return Poll::Ready(Ok(Some(event)));
            }
        }
        self.poll_slow(cx, link)
    }

    /// Receives the next piece of a message.
    pub(crate) fn poll_piece<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        self.stop_answering();
        self.inbound.set_delivery(Delivery::Pieces);
        loop {
            match ready!(self.poll_ready(cx, link))? {
                Some(Event::Piece(piece)) => return Poll::Ready(Ok(Some(piece))),
                // It was being put together before pieces were asked for.
                Some(Event::Message(span)) => return Poll::Ready(Ok(Some(span))),
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Receives the next message, ping or pong, to keep.
    pub(crate) fn poll_event<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Event<Message>>, ConnectionError>> {
        self.stop_answering();
        self.inbound.set_delivery(Delivery::Whole);
        loop {
            let event = match ready!(self.poll_ready(cx, link))? {
                Some(Event::Message(span)) => {
                    Event::Message(self.inbound.message(span).into_owned())
                }
                Some(Event::Ping(payload)) => Event::Ping(payload),
                Some(Event::Pong(payload)) => Event::Pong(payload),
                Some(_) => continue,
                None => return Poll::Ready(Ok(None)),
            };
            return Poll::Ready(Ok(Some(event)));
        }
    }

    /// Waits for the very end. Messages that still come are thrown away.
    pub(crate) fn poll_end<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Outcome, ConnectionError>> {
        self.stop_answering();
        // What is thrown away is not put together first.
        self.inbound.set_delivery(Delivery::Pieces);
        loop {
            match ready!(self.poll_ready(cx, link)) {
                Ok(Some(_)) => {}
                Err(error @ ConnectionError::NoTimer(_)) => return Poll::Ready(Err(error)),
                Ok(None) | Err(_) => {
                    if let Some(outcome) = link.with_outbound(|outbox| outbox.outcome()) {
                        return Poll::Ready(Ok(outcome));
                    }
                }
            }
        }
    }

    pub(super) fn poll_slow<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<Next> {
        if let Some(event) = self.take_read_ahead() {
            return Poll::Ready(Ok(Some(event)));
        }
        loop {
            // The peer must take its answers before it gets more of them.
            if self.backpressure.is_on()
                && link.is_over_high_water()
                && ready!(self.turn(Task::Answer, cx, link))? == Turn::Again
            {
                continue;
            }
            if self.input.has_inflated_enough() || self.has_read_enough() {
                match self.yield_now(cx, link) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            let timer = &self.timer;
            let next = self.inbound.next(link, || timer.now());
            self.input.inflated(self.inbound.take_inflated());
            match next {
                // The outcome has the reason and the reply is queued. The transport is left to end.
                Ok(Some(Event::Close(_))) | Err(_) => continue,
                Ok(Some(event)) => {
                    if matches!(event, Event::Ping(_))
                        && link.with_outbound(|outbox| outbox.is_control_full())
                    {
                        // Try to get the pongs out before they have to be coalesced.
                        self.write_now(cx, link);
                    }
                    return Poll::Ready(Ok(Some(event)));
                }
                Ok(None) if self.quiet => {}
                Ok(None) => self.telemetry.look(),
            }

            // Read first: only then is it known that there is nothing to do but to wait.
            match link.ending() {
                Ending::Done if self.quiet => return Poll::Pending,
                Ending::Done => return Poll::Ready(self.finish(link)),
                Ending::NotYet | Ending::Drain if !self.input.eof => {
                    // What has been read is returned first, so that a large message does not wait for
                    // those of all other connections.
                    if self.should_yield() {
                        match self.yield_now(cx, link) {
                            Poll::Ready(()) => continue,
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                    if self.poll_fill(cx, link).is_ready() {
                        continue;
                    }
                }
                _ => {}
            }
            self.inbound.release();
            ready!(self.turn(Task::Receive, cx, link))?;
        }
    }
}
