use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use wskit_proto::{CloseFrame, Outbox, Outgoing, SendError, State};

use super::flushing::Target;
use super::lanes::Lanes;
use crate::link::poll_write_out;
use crate::transport::PollWrite;

/// The sending half.
pub(crate) struct Tx<W> {
    pub(crate) outbox: Outbox,
    pub(super) io: W,
    pub(super) dirty: bool,
    /// Bytes written since the split.
    pub(super) written: u64,
    /// Bytes of control frames queued since the split, which may go before data queued earlier.
    pub(super) jumped: u64,
    /// Those who wait for room, in the order in which they came.
    pub(super) line: VecDeque<u64>,
    pub(super) next_in_line: u64,
    pub(super) permits: usize,
    /// Somebody sends a message in pieces: §5.4 lets no other message go between them.
    pub(super) claimed: bool,
    /// There once a lane has been opened.
    pub(super) lanes: Option<Box<Lanes>>,
    /// When a push last found that the socket takes nothing, by the ticket of those who wait for it.
    pub(super) refused: Option<usize>,
}

/// Something is queued or not flushed.
pub(super) const UNFLUSHED: usize = 1;
/// The queue is over its high-water mark.
pub(super) const OVER: usize = 2;
/// Not open any more.
pub(super) const CLOSING: usize = 4;
/// Over.
pub(super) const CLOSED: usize = 8;

/// Messages wait in lanes.
pub(super) const LANES: usize = 16;
/// Some of them could be encoded now.
pub(super) const DUE: usize = 32;

/// What a permit counts for until its message is known.
pub(super) const PERMIT: usize = 4 << 10;

impl<W: PollWrite> Tx<W> {
    pub(super) fn new(outbox: Outbox, io: W, dirty: bool) -> Self {
        Self {
            outbox,
            io,
            dirty,
            written: 0,
            jumped: 0,
            line: VecDeque::new(),
            next_in_line: 0,
            permits: 0,
            claimed: false,
            lanes: None,
            refused: None,
        }
    }

    pub(super) fn flags(&self) -> usize {
        let mut flags = 0;
        if !self.outbox.is_empty() || self.dirty {
            flags |= UNFLUSHED;
        }
        if self.outbox.is_over_high_water() {
            flags |= OVER;
        }
        match self.outbox.state() {
            State::Open => {}
            State::Closing => flags |= CLOSING,
            State::Closed => flags |= CLOSING | CLOSED,
        }
        flags
    }

    pub(super) fn may_enter(&self, number: Option<u64>) -> bool {
        let its_turn = self.line.is_empty() || self.line.front().copied() == number;
        its_turn
            && !self.claimed
            && self.outbox.has_room(self.permits * PERMIT)
            && self
                .lanes
                .as_ref()
                .is_none_or(|lanes| lanes.let_in(number.is_some(), self.outbox.queued()))
    }

    pub(super) fn flush_target(&self) -> Target {
        Target {
            written: self.written + self.outbox.queued() as u64,
            jumped: self.jumped,
        }
    }

    pub(super) fn has_written(&self, target: Target) -> bool {
        self.written >= target.written + (self.jumped - target.jumped)
    }

    /// Calls `f`, which may queue control frames.
    pub(crate) fn control<R>(&mut self, f: impl FnOnce(&mut Outbox) -> R) -> R {
        let before = self.outbox.queued();
        let result = f(&mut self.outbox);
        // One that took another's place is counted as well: then a flush waits a little longer.
        self.jumped += self.outbox.queued().saturating_sub(before) as u64;
        result
    }

    #[inline]
    pub(super) fn poll_write_out(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        if self.lanes.is_some() {
            return self.poll_write_lanes(waker);
        }
        self.poll_write_queue(waker)
    }

    #[inline]
    fn poll_write_queue(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let before = self.outbox.queued();
        let mut cx = Context::from_waker(waker);
        let polled = poll_write_out(&mut self.io, &mut self.outbox, &mut self.dirty, &mut cx);
        self.written += (before - self.outbox.queued()) as u64;
        polled
    }

    #[cold]
    fn poll_write_lanes(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        loop {
            self.drain_lanes();
            match self.poll_write_queue(waker) {
                Poll::Ready(Ok(())) if self.is_due() => {}
                polled => {
                    // What a refused write has made room for is filled up, so that nothing is due.
                    self.drain_lanes();
                    return polled;
                }
            }
        }
    }

    /// Starts the closing handshake. What waits in the lanes goes before the Close, as what is queued
    /// does.
    pub(crate) fn close(&mut self, close: CloseFrame) -> Result<(), SendError> {
        if self.lanes.is_some() && close.code.is_sendable() && !self.claimed {
            while let Some(mut message) = self.lanes.as_mut().and_then(|lanes| lanes.next(false)) {
                let _ = self.outbox.feed_reserved(message.outgoing());
            }
        }
        self.outbox.close(Some(close))
    }

    pub(crate) fn feed(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        self.outbox.feed(message)
    }

    pub(crate) fn try_feed(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        self.outbox.check()?;
        if self.may_enter(None) {
            self.outbox.feed(message)
        } else {
            Err(SendError::QueueFull)
        }
    }

    /// Keeps all others from queueing data until it is given up.
    pub(crate) fn claim(&mut self) -> Result<(), SendError> {
        self.outbox.check()?;
        self.claimed = true;
        Ok(())
    }

    pub(crate) fn give_up_claim(&mut self) {
        self.claimed = false;
    }

    pub(crate) fn take_permit(&mut self) -> Result<(), SendError> {
        self.outbox.check()?;
        self.permits += 1;
        Ok(())
    }

    pub(crate) fn return_permit(&mut self) {
        self.permits -= 1;
    }
}
