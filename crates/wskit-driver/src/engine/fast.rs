//! The fast path: whole messages, when there is nothing to do but to read, to write and to wait.

use std::task::{Context, Poll, ready};

use wskit_proto::{Delivery, Event, Message, Span, State};

use super::Engine;
use super::turn::Task;
use crate::error::ConnectionError;
use crate::link::Link;
use crate::transport::Timer;

/// The ways of receiving whole messages that have a fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Without the outbox.
    Own,
    /// Lent together with the outbox.
    Lend,
}

impl<C: Timer> Engine<C> {
    /// Receives the next message, to keep.
    #[inline]
    pub(crate) fn poll_recv<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        if let Some(span) = self.next_fast(Way::Own, link) {
            return Poll::Ready(Ok(Some(self.inbound.fast_message(span).into_owned())));
        }
        let span = ready!(self.poll_whole(Way::Own, cx, link))?;
        Poll::Ready(Ok(span.map(|span| self.inbound.message(span).into_owned())))
    }

    /// Returns the next message if all of it has been read and nothing else must be done first: a
    /// receive of the same way, just before, has done it.
    #[inline(always)]
    pub(crate) fn next_fast<L: Link>(&mut self, way: Way, link: &L) -> Option<Span> {
        if self.fast != Some(way) || (way == Way::Lend && link.is_over_high_water()) {
            return None;
        }
        self.receiving = true;
        self.inbound.next_fast()
    }

    /// Receives the next whole message after [`next_fast`](Engine::next_fast) had none. The loop of
    /// [`poll_slow`](Engine::poll_slow) does all the rest.
    // Always inlined, because what polls it is itself called only when the fast path has nothing.
    #[inline(always)]
    pub(crate) fn poll_whole<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        let nothing_else = self.fast == Some(way)
            && !self.input.is_used_up()
            && self.inbound.has_no_input()
            && !self.input.eof
            && link.state() == State::Open
            && !(way == Way::Lend && link.is_over_high_water());
        if nothing_else {
            match self.poll_fill(cx, link) {
                Poll::Ready(true) => {
                    if let Some(span) = self.inbound.next_fast() {
                        return Poll::Ready(Ok(Some(span)));
                    }
                }
                Poll::Pending => {
                    self.inbound.release();
                    if self.turn(Task::Receive, cx, link)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                Poll::Ready(false) => {}
            }
        }
        self.poll_whole_slow(way, cx, link)
    }

    #[inline(never)]
    fn poll_whole_slow<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        match way {
            Way::Own => self.stop_answering(),
            Way::Lend => self.start_answering(link),
        }
        self.inbound.set_delivery(Delivery::Whole);
        self.receiving = true;
        loop {
            let event = ready!(self.poll_slow(cx, link))?;
            if self.read_ahead.is_none() && self.input.leftover.is_none() {
                self.fast = Some(way);
            }
            match event {
                Some(Event::Message(span)) => return Poll::Ready(Ok(Some(span))),
                // Control frames are answered; pieces are the rest of a message given up.
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }
}
