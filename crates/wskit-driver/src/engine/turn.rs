//! The only place that writes out, follows a shutdown, asks the timers and waits.

use std::io;
use std::task::{Context, Poll};

use wskit_proto::{
    Circumstances, CloseCode, CloseFrame, Ending, Outbound, SendError, State, TimeoutKind,
};

use super::Engine;
use crate::error::ConnectionError;
use crate::link::Link;
use crate::shutdown::Told;
use crate::transport::Timer;

/// What the owner waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Something to receive.
    Receive,
    /// Fewer answers in the queue, before it receives more.
    Answer,
    /// Room in the queue.
    Room,
    /// An empty queue.
    Flush,
    /// Nothing: it has flushed.
    Tend,
    /// An empty queue, and then the end of the connection or a message.
    Close,
}

/// What a turn came to, other than waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What was waited for is there.
    Done,
    /// Something was done that may change what the owner has to do.
    Again,
}

impl Task {
    /// Whether the owner has to be told that a write failed, and reads only ahead.
    const fn sends(self) -> bool {
        matches!(self, Self::Room | Self::Flush | Self::Close)
    }
}

impl<C: Timer> Engine<C> {
    /// Writes out what is queued. If that does not complete the task: ends the transport when it is
    /// time, reads ahead for an owner that sends, follows a shutdown and asks the timers. Pending when
    /// all of them wait.
    pub(super) fn turn<L: Link>(
        &mut self,
        task: Task,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Turn, ConnectionError>> {
        let is_written = match link.poll_write_out(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
            Poll::Ready(Err(error)) => {
                return Poll::Ready(self.write_failed(task, cx, error, link));
            }
        };
        let is_done = match task {
            Task::Room => is_written || !link.is_over_high_water(),
            Task::Flush => is_written,
            Task::Answer => is_written || !self.backpressure.owes_answers(link),
            Task::Receive | Task::Tend | Task::Close => false,
        };
        if is_done {
            return Poll::Ready(Ok(Turn::Done));
        }
        // The transport is shut down once it has passed on what was written.
        let may_end = is_written && matches!(task, Task::Receive | Task::Close);
        if may_end && link.state() != State::Open && poll_end_transport(cx, link) {
            return Poll::Ready(Ok(Turn::Again));
        }
        if task.sends() {
            if let Some(turn) = self.turn_ahead(task, is_written, cx, link)? {
                return Poll::Ready(Ok(turn));
            }
        }
        // An owner that answers what it receives may finish its answer before it closes.
        let may_close = !matches!(task, Task::Room | Task::Flush) || !self.receiving;
        if self.follow_shutdown(may_close, cx, link) || self.poll_timers(link.state(), cx, link)? {
            return Poll::Ready(Ok(Turn::Again));
        }
        // An owner that has flushed goes on.
        if task != Task::Tend {
            self.input.wait();
        }
        Poll::Pending
    }

    /// Reads ahead within a turn; what came of it, if the owner need not wait any more.
    #[cold]
    fn turn_ahead<L: Link>(
        &mut self,
        task: Task,
        is_written: bool,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Result<Option<Turn>, ConnectionError> {
        let is_used_up = self.poll_read_ahead(cx, link);
        if task == Task::Close {
            if link.with_outbound(|outbox| outbox.has_write_failed()) {
                return Err(SendError::Closed.into());
            }
            if is_written && link.state() != State::Open && poll_end_transport(cx, link) {
                return Ok(Some(Turn::Again));
            }
            if is_written && self.has_message() {
                return Ok(Some(Turn::Done));
            }
        }
        let goes_on = link.state() == State::Closed
            || (is_written && !is_used_up && link.with_outbound(|outbox| !outbox.is_empty()));
        Ok(goes_on.then_some(Turn::Again))
    }

    /// Lets other tasks run after much has been read, though there may be more.
    ///
    /// Deadlines are compared with the clock: a peer that never stops must not keep the connection from
    /// ending. Ready if one had passed.
    #[cold]
    pub(super) fn yield_now<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<()> {
        self.input.wait();
        self.follow_shutdown(true, cx, link);
        self.write_now(cx, link);
        let timer = &self.timer;
        let deadline = self.inbound.next_timeout(link.state(), || timer.now());
        if deadline.is_some_and(|deadline| timer.now() >= deadline) {
            self.handle_timeout(link);
            return Poll::Ready(());
        }
        self.timer.wake_later(cx);
        Poll::Pending
    }

    /// Writes what the transport takes now, without waiting for the rest.
    pub(super) fn write_now<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) {
        if let Poll::Ready(Err(error)) = link.poll_write_out(cx) {
            self.write_error(cx, error, link);
        }
    }

    #[cold]
    fn write_failed<L: Link>(
        &mut self,
        task: Task,
        cx: &mut Context<'_>,
        error: io::Error,
        link: &mut L,
    ) -> Result<Turn, ConnectionError> {
        if task.sends() {
            if let Some(error) = self.sending_failed(cx, error, link) {
                return Err(error);
            }
        } else {
            self.write_error(cx, error, link);
        }
        Ok(Turn::Again)
    }

    /// Arms the timer for the next deadline. Returns whether one had passed and was handled.
    #[inline(always)]
    pub(super) fn poll_timers<L: Link>(
        &mut self,
        state: State,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Result<bool, ConnectionError> {
        let timer = &self.timer;
        let Some(deadline) = self.inbound.next_timeout(state, || timer.now()) else {
            return Ok(false);
        };
        match self.timer.poll_until(cx, deadline) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(ConnectionError::NoTimer(error)),
            Poll::Ready(Ok(())) => {
                self.handle_timeout(link);
                Ok(true)
            }
        }
    }

    #[cold]
    fn handle_timeout<L: Link>(&mut self, link: &mut L) {
        let circumstances = Circumstances {
            reading_suspended: self.has_message(),
            unacknowledged: link.unacknowledged(),
        };
        let now = self.timer.now();
        // A timeout is in the outcome, which the loop looks at.
        let _ = self.inbound.handle_timeout_in(link, now, circumstances);
    }

    /// Does what a shutdown asks for; returns whether it asked for something. `may_close` is whether
    /// the connection may send a Close now.
    #[inline]
    pub(super) fn follow_shutdown<L: Link>(
        &mut self,
        may_close: bool,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> bool {
        self.member.is_some() && self.do_follow_shutdown(may_close, cx, link)
    }

    #[cold]
    fn do_follow_shutdown<L: Link>(
        &mut self,
        may_close: bool,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> bool {
        // A message that is being sent in pieces is finished first.
        let mut held_back = false;
        let told = self.member.as_mut().and_then(|member| {
            let may_close = || {
                held_back = may_close && link.is_message_open();
                may_close && !held_back
            };
            member.poll_told(may_close, cx)
        });
        self.held_back = held_back;
        match told {
            None => return false,
            Some(Told::Close) => {
                // Neither the code nor the reason can be refused.
                let _ = link.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
            }
            Some(Told::GiveUp) => {
                link.with_outbound(|outbox| outbox.time_out(TimeoutKind::Close));
            }
        }
        true
    }
}

/// Shuts the write side of the transport down, if the closing handshake is complete or a write has
/// failed. Returns whether it has been shut down. An error counts as success, because the transport is
/// being ended.
#[cold]
pub(super) fn poll_end_transport<L: Link>(cx: &mut Context<'_>, link: &mut L) -> bool {
    let is_due =
        link.ending() == Ending::ShutDown || link.with_outbound(|outbox| outbox.owes_shutdown());
    let is_shut_down = is_due && link.poll_shutdown(cx).is_ready();
    if is_shut_down {
        link.with_outbound(Outbound::transport_shut_down);
    }
    is_shut_down
}
