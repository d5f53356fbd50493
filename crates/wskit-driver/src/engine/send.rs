//! Waiting for room, flushing, and closing as a sink does.

use std::task::{Context, Poll, ready};

use wskit_proto::{SendError, State};

use super::Engine;
use super::turn::{Task, Turn};
use crate::error::ConnectionError;
use crate::link::Link;
use crate::transport::Timer;

impl<C: Timer> Engine<C> {
    /// Waits until the queue has room. Control frames are handled meanwhile.
    pub(crate) fn poll_room<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        // What the owner queues itself is no answer.
        self.stop_answering();
        while link.is_over_high_water() && link.state() != State::Closed {
            if ready!(self.turn(Task::Room, cx, link))? == Turn::Done {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes everything queued. Control frames are handled meanwhile, and once more if the owner only
    /// ever sends: no other call would answer the peer's pings.
    pub(crate) fn poll_flush<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        loop {
            if link.state() == State::Closed {
                return Poll::Ready(self.closed_error(link).map_or(Ok(()), Err));
            }
            if ready!(self.turn(Task::Flush, cx, link))? == Turn::Again {
                continue;
            }
            if link.state() == State::Closing
                && link.with_outbound(|outbox| outbox.has_write_failed())
            {
                return Poll::Ready(Err(SendError::Closed.into()));
            }
            if !self.receiving {
                let is_used_up = self.poll_read_ahead(cx, link);
                // What came of that leaves: a pong, the answer to a Close, a keepalive ping. The caller
                // does not wait until it is taken, but its round trip is counted from now.
                if self.turn(Task::Tend, cx, link)?.is_ready() {
                    let _ = self.turn(Task::Tend, cx, link)?;
                    let lost = link.with_outbound(|outbox| outbox.has_write_failed());
                    if lost || link.state() == State::Closed {
                        continue;
                    }
                }
                if is_used_up {
                    // Other tasks run first. The next poll is ready without reading more.
                    self.input.wait();
                    self.receiving = true;
                    return Poll::Pending;
                }
            }
            self.receiving = false;
            return Poll::Ready(Ok(()));
        }
    }

    /// Closes as a sink does: ready once everything is written and the connection is over, or a message
    /// has come that must be received first. An ending that is not clean is an error.
    pub(crate) fn poll_close<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        self.stop_answering();
        loop {
            if link.state() == State::Closed {
                // Returned by each call.
                let error = self.finish(link).err();
                let outcome = link.with_outbound(|outbox| outbox.outcome());
                let error =
                    error.or_else(|| outcome.as_ref().and_then(ConnectionError::of_outcome));
                return Poll::Ready(error.map_or(Ok(()), Err));
            }
            if ready!(self.turn(Task::Close, cx, link))? == Turn::Done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
