//! The fast path: whole messages, when there is nothing to do but to read, to write and to wait.

use std::task::{Context, Poll, ready};

use wskit_proto::{Delivery, Event, Message, Span, State};

use super::Engine;
use crate::error::ConnectionError;
use crate::link::Link;
use crate::transport::Timer;

/// The ways of receiving, by whether they have a fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Any other than whole messages, or something else is to be looked at first: there is none.
    Slow,
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
        self.poll_recv_read(cx, link)
    }

    /// Receives after there was nothing on the fast path: see [`RecvRef`](crate::recv::RecvRef).
    #[inline(never)]
    fn poll_recv_read<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        if let Some(span) = ready!(self.poll_fast(Way::Own, cx, link)) {
            return Poll::Ready(Ok(Some(self.inbound.fast_message(span).into_owned())));
        }
        let span = ready!(self.poll_whole_slow(Way::Own, cx, link))?;
        Poll::Ready(Ok(span.map(|span| self.inbound.message(span).into_owned())))
    }

    /// Returns the next message if all of it has been read and nothing else must be done first: a
    /// receive of the same way, just before, has done it.
    #[inline(always)]
    pub(crate) fn next_fast<L: Link>(&mut self, way: Way, link: &L) -> Option<Span> {
        if self.fast != way || (way == Way::Lend && link.is_over_high_water()) {
            return None;
        }
        self.receiving = true;
        self.inbound.next_fast()
    }

    /// Receives the next whole message after [`next_fast`](Engine::next_fast) had none. The loop of
    /// [`poll_slow`](Engine::poll_slow) does all the rest.
    #[inline]
    pub(crate) fn poll_whole<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        if let Some(span) = ready!(self.poll_fast(way, cx, link)) {
            return Poll::Ready(Ok(Some(span)));
        }
        self.poll_whole_slow(way, cx, link)
    }

    /// Reads, and writes before it waits, where there is nothing else to do and each of them does all it is asked
    /// for. Ready with `None` if that is not so; [`poll_whole_slow`](Engine::poll_whole_slow) is to be called then.
    // Always inlined, because what polls it is itself called only when the fast path has nothing.
    #[inline(always)]
    pub(crate) fn poll_fast<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Option<Span>> {
        // With a fast way nothing was read ahead, and no bytes are left over from the opening handshake.
        if self.fast != way
            || self.input.is_used_up()
            || link.state() != State::Open
            || (way == Way::Lend && link.is_over_high_water())
        {
            return Poll::Ready(None);
        }
        let Some(buf) = self.inbound.fresh_buf() else {
            return Poll::Ready(None);
        };
        match link.poll_read(cx, buf) {
            Poll::Ready(Ok(n)) if n > 0 => {
                self.inbound.filled_fresh(n);
                self.input.count(n);
                return Poll::Ready(self.inbound.next_fast());
            }
            Poll::Pending => {}
            read @ Poll::Ready(_) => {
                self.read_failed(cx, link, read);
                return Poll::Ready(None);
            }
        }
        self.inbound.release_fresh();
        if let Poll::Ready(Err(error)) = link.poll_write_fast(cx) {
            self.write_error(cx, error, link);
            return Poll::Ready(None);
        }
        // Asked once more now that the transport will wake: a writer of another task may have closed meanwhile.
        // An error of the timer is met again where it is returned.
        if link.state() != State::Open
            || self.follow_shutdown(true, cx, link)
            || !matches!(self.poll_timers(State::Open, cx, link), Ok(false))
        {
            return Poll::Ready(None);
        }
        self.input.wait();
        Poll::Pending
    }

    #[inline(never)]
    pub(crate) fn poll_whole_slow<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        match way {
            Way::Own | Way::Slow => self.stop_answering(),
            Way::Lend => self.start_answering(link),
        }
        self.inbound.set_delivery(Delivery::Whole);
        self.receiving = true;
        loop {
            let event = ready!(self.poll_slow(cx, link))?;
            if self.read_ahead.is_none() && self.input.leftover.is_none() {
                self.fast = way;
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
