//! Reading while the owner is only sending.

use std::task::{Context, Poll};

use wskit_proto::{Event, Span, State};

use super::{Engine, Way};
use crate::link::Link;
use crate::transport::Timer;

/// The events that came while the owner was only sending.
#[derive(Default)]
pub(super) struct ReadAhead {
    /// The latest pong before `first`: the owner may have asked for it.
    pong: Option<Event<Span, Span>>,
    /// The first message, piece or unanswered ping. Nothing is read past it.
    first: Option<Event<Span, Span>>,
}

impl<C: Timer> Engine<C> {
    /// Reads for an owner that is sending: control frames are handled, the first message is kept for
    /// the next receive, and nothing is read past it. Returns whether so much has been read that other
    /// tasks should run; this task is then woken.
    pub(super) fn poll_read_ahead<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> bool {
        // Whole messages, however the owner last received: every receive method accepts one, but a
        // first piece would be lost if the next call wants whole messages. An owner that only takes
        // pieces changes this, so that no message has to be put together.
        self.inbound.set_delivery(self.read_ahead_delivery);
        // The fast path does not look at what is kept here.
        self.fast = Way::Slow;
        while !self.has_message() && !self.input.eof {
            if self.input.is_used_up() || self.input.has_inflated_enough() {
                self.timer.wake_later(cx);
                return true;
            }
            let timer = &self.timer;
            let next = self.inbound.next(link, || timer.now());
            self.input.inflated(self.inbound.take_inflated());
            match next {
                Ok(Some(event @ (Event::Message(_) | Event::Piece(_)))) => {
                    self.read_ahead.get_or_insert_default().first = Some(event);
                }
                Ok(Some(event @ Event::Ping(_))) if !self.auto_pong => {
                    self.read_ahead.get_or_insert_default().first = Some(event);
                }
                Ok(Some(event @ Event::Pong(_))) => {
                    self.read_ahead.get_or_insert_default().pong = Some(event);
                }
                // The reply is queued, and the state has the rest.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) if link.state() == State::Closed => return false,
                Ok(None) => {
                    self.telemetry.look();
                    if self.poll_fill(cx, link) == Poll::Pending {
                        self.inbound.release();
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Returns whether a message waits to be received. Nothing is read before it has been.
    pub(crate) fn has_message(&self) -> bool {
        self.read_ahead
            .as_ref()
            .is_some_and(|ahead| ahead.first.is_some())
    }

    /// Takes the next event that was read ahead.
    #[inline]
    pub(super) fn take_read_ahead(&mut self) -> Option<Event<Span, Span>> {
        let ahead = self.read_ahead.as_mut()?;
        let event = ahead.pong.take().or_else(|| ahead.first.take());
        if ahead.first.is_none() {
            *self.read_ahead = None;
        }
        event
    }
}
