use std::io;
use std::task::{Context, Poll, Waker};

use wskit_proto::{CloseFrame, Outbound, Outgoing, SendError, State};

use super::flags::Flags;
use super::socket_waker::SocketWaker;
use super::wait_queue::{Effects, FlushTarget, Ticket, WaitFor, WaitQueue, Waiter};
use crate::error::ConnectionError;
use crate::link::{poll_write_out, uninterrupted};
use crate::split::lanes::Lanes;
use crate::sync::Arc;
use crate::transport::PollWrite;

/// The sending half of a split connection, behind the lock of [`Shared`](super::shared::Shared).
///
/// No foreign code runs while the lock is held: what is to be woken or dropped is collected in
/// `effects` and dealt with after it.
pub(crate) struct Sender<W> {
    pub(crate) outbox: Outbound,
    /// The transport's writing half, until the connection is over.
    pub(crate) io: Option<W>,
    pub(crate) dirty: bool,
    /// The transport took nothing more when it was last polled.
    blocked: bool,
    socket: Arc<SocketWaker>,
    socket_waker: Waker,
    /// Bytes written since the split.
    written: i64,
    /// How many of them the transport has passed on: it may buffer, as TLS does.
    flushed: i64,
    /// Bytes of control frames queued since the split, which may go before data queued earlier.
    jumped: i64,
    pub(crate) queue: WaitQueue,
    pub(crate) permits: usize,
    /// Somebody sends a message in pieces: §5.4 lets no other message go between them.
    pub(crate) message_open: bool,
    /// There once a lane has been opened.
    pub(crate) lanes: Option<Box<Lanes>>,
    /// The reader was dropped: those who wait read in its place.
    pub(crate) parked: bool,
    pub(crate) effects: Effects,
    /// The flags when the lock was last released.
    seen: Flags,
}

/// What a permit counts for until its message is known.
pub(crate) const PERMIT: usize = 4 << 10;

/// A number of bytes that lie or lay in memory.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl<W: PollWrite> Sender<W> {
    pub(crate) fn new(mut outbox: Outbound, io: W, dirty: bool, socket: Arc<SocketWaker>) -> Self {
        outbox.keep_spent();
        Self {
            outbox,
            io: Some(io),
            dirty,
            blocked: false,
            socket_waker: socket.clone().into(),
            socket,
            written: 0,
            // What was written before the split is passed on with the first flush.
            flushed: if dirty { -1 } else { 0 },
            jumped: 0,
            queue: WaitQueue::default(),
            permits: 0,
            message_open: false,
            lanes: None,
            parked: false,
            effects: Effects::default(),
            seen: Flags::default(),
        }
    }

    fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        flags.set(Flags::UNFLUSHED, !self.outbox.is_empty() || self.dirty);
        flags.set(Flags::OVER_HIGH_WATER, self.outbox.is_over_high_water());
        flags.set(Flags::MESSAGE_OPEN, self.message_open);
        flags.set(Flags::PARKED, self.parked);
        flags.set(Flags::CONTENDED, self.blocked || self.queue.has_direct());
        flags.set_state(self.outbox.state());
        flags
    }

    /// Looks what has changed while the lock was held, and whom it concerns. Returns the flags; what is
    /// to be done after the lock has been released is in `effects`.
    pub(super) fn settle(&mut self) -> Flags {
        let mut flags = self.flags();
        if self.lanes.is_some() {
            self.settle_lanes(&mut flags);
        }
        let before = core::mem::replace(&mut self.seen, flags);
        if self.outbox.has_spent() {
            self.effects.payloads.extend(self.outbox.take_spent());
        }
        if before.state() != flags.state() {
            // The reader has a deadline to arm, or an end to tell.
            self.effects.wake_reader = true;
            let effects = &mut self.effects;
            self.queue.take_all(|waiter| effects.wake(Some(waiter)));
        } else if before.is_message_open() && !flags.is_message_open() {
            // A shutdown waits for it.
            self.effects.wake_reader = true;
        }
        if !self.queue.is_empty() {
            self.settle_waiting();
        }
        // Those who wait cannot go on before something is written, and no task may be about to.
        let is_left = flags.is_unflushed()
            && !self.blocked
            && !self.queue.is_empty()
            && !self.effects.wakes_somebody();
        if is_left || (flags.are_lanes_due() && !before.are_lanes_due()) {
            self.have_somebody_write();
        }
        if (self.blocked || self.parked) && !self.socket.has_writers() {
            self.socket.add_writers(self.queue.take_for_socket());
            // It may have woken before they were there.
            self.effects.wake_socket |= self.is_to_be_polled();
        }
        flags
    }

    /// Wakes those whose turn has come.
    fn settle_waiting(&mut self) {
        if let Some(ticket) = self.queue.first_direct() {
            if self.may_enter(Some(ticket)) {
                let first = self.queue.take_first_direct();
                self.effects.wake(first);
            }
        }
        let written = self.target_written();
        while let Some(waiter) = self.queue.take_flushed(written) {
            if !waiter.is_whole() {
                self.undo_designation(waiter.number());
            }
            self.effects.wake(Some(waiter));
        }
        if self.queue.has_message_waiter() && self.has_room_in_message() {
            let waiter = self.queue.take_message_waiter();
            self.effects.wake(waiter);
        }
        if self.queue.has_sinks() && self.has_room_for_sink() {
            // The next one is woken when this one has sent. It may never be polled again, so all are
            // when the queue is empty.
            loop {
                let Some(waiter) = self.queue.take_sink() else {
                    break;
                };
                self.effects.wake(Some(waiter));
                if !self.outbox.is_empty() {
                    break;
                }
            }
        }
    }

    /// Has the reader, if it waits, and one of those who wait look for what there is to write.
    fn have_somebody_write(&mut self) {
        self.socket.signal();
        self.socket.add_writers(self.queue.take_for_socket());
        self.effects.wake_socket = true;
    }

    /// The reader was dropped: those who wait, one of them to begin with, read in its place.
    pub(crate) fn park(&mut self) {
        self.parked = true;
        self.have_somebody_write();
    }

    /// Looks once more, after the flags have been stored, whether the transport has woken since it refused.
    pub(crate) fn look_again(&mut self) {
        self.effects.wake_socket |= self.blocked && self.socket.has_signalled_by_now();
    }

    /// Whether the transport has refused a write and has woken since.
    pub(crate) fn is_to_be_polled(&self) -> bool {
        self.blocked && self.socket.is_signalled()
    }

    /// Whether there is something to write that the transport may take.
    pub(crate) fn can_write(&self) -> bool {
        let is_unflushed = !self.outbox.is_empty() || self.dirty;
        is_unflushed && (!self.blocked || self.socket.is_signalled())
    }

    /// Leaves the place of a future that was dropped.
    pub(crate) fn give_up(&mut self, ticket: Ticket) {
        let waiter = self.leave(ticket);
        // It may have been woken in vain, or was to be.
        let was_woken = waiter.is_none_or(|was_waiting| !was_waiting);
        if self.outbox.has_unsent() || self.dirty || self.parked {
            if was_woken && self.socket.is_signalled() {
                self.have_somebody_write();
            } else if matches!(ticket.wait(), WaitFor::Flush(_) | WaitFor::SinkFlush(_)) {
                // A message cut in the middle may be all that the peer waits for.
                self.effects.wake_reader = true;
            }
        }
    }

    /// Leaves a place. Returns whether it was still waiting, `None` if it had none.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<bool> {
        let was_direct = ticket.wait() == WaitFor::Turn;
        let waiter = self.queue.leave(ticket);
        let was_waiting = waiter.as_ref().map(Waiter::is_whole);
        if was_waiting == Some(false) {
            self.undo_designation(ticket.number);
        }
        self.effects.drop(waiter);
        if was_direct && !self.queue.has_direct() {
            if let Some(lanes) = &mut self.lanes {
                lanes.remove_direct();
            }
        }
        was_waiting
    }

    /// The socket's waker may still have the waker of somebody who no longer waits.
    pub(crate) fn undo_designation(&mut self, number: u64) {
        if self.socket.has_writers() {
            let waker = self.socket.remove_writer(number);
            self.effects.wakers.extend(waker);
        }
    }

    pub(crate) fn may_enter(&self, ticket: Option<Ticket>) -> bool {
        self.queue.is_first(ticket)
            && !self.message_open
            && self.outbox.has_room(self.permits * PERMIT)
            && self
                .lanes
                .as_ref()
                .is_none_or(|lanes| lanes.admits_direct(ticket.is_some(), self.outbox.queued()))
    }

    pub(crate) fn has_room_for_sink(&self) -> bool {
        !self.message_open && self.outbox.has_room(self.permits * PERMIT)
    }

    pub(crate) fn has_room_in_message(&self) -> bool {
        self.permits == 0 && self.outbox.has_room(0)
    }

    /// Enters the queue if it is this one's turn and there is room.
    pub(crate) fn poll_enter(
        &mut self,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.outbox.state() != State::Open {
            return Poll::Ready(Err(SendError::Closed.into()));
        }
        if !self.may_enter(*ticket) {
            // Room can be made here; a turn has to be waited for.
            if let Poll::Ready(Err(error)) = self.poll_write_out() {
                return Poll::Ready(Err(self.write_failed(error)));
            }
            if !self.may_enter(*ticket) {
                return Poll::Pending;
            }
        }
        if let Some(ticket) = ticket.take() {
            self.leave(ticket);
        }
        if let Some(lanes) = &mut self.lanes {
            lanes.direct_entered();
        }
        Poll::Ready(Ok(()))
    }

    /// Notes that a write failed. Gives the error to tell.
    pub(crate) fn write_failed(&mut self, error: io::Error) -> ConnectionError {
        if self.control(|outbox| outbox.write_failed(error.kind())) {
            self.tell_that_nothing_more_comes();
        }
        error.into()
    }

    /// Shuts down beside a reading that goes on.
    pub(crate) fn tell_that_nothing_more_comes(&mut self) {
        if self.outbox.owes_shutdown() && self.poll_shutdown().is_ready() {
            self.outbox.transport_shut_down();
        }
    }

    /// What has to be written for everything queued now to be out.
    pub(crate) fn flush_target(&self) -> FlushTarget {
        // With what is lost it is never reached.
        let queued = self.outbox.queued() as u64 + self.outbox.lost();
        FlushTarget(self.written + signed(queued) - self.jumped)
    }

    fn target_written(&self) -> FlushTarget {
        FlushTarget(self.written - self.jumped)
    }

    /// Ready once everything up to `target` is written and flushed.
    pub(crate) fn poll_flush(&mut self, target: FlushTarget) -> Poll<Result<(), ConnectionError>> {
        if self.is_flushed(target) {
            return Poll::Ready(Ok(()));
        }
        if self.outbox.state() == State::Closed {
            return Poll::Ready(Err(SendError::Closed.into()));
        }
        let mut polled = self.poll_write_out();
        if polled.is_pending() && self.target_written() >= target {
            // Others keep the queue full, and it may never be empty.
            polled = self.poll_transport_flush();
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) if !self.outbox.is_close_out() => {
                Poll::Ready(Err(self.write_failed(error)))
            }
            Poll::Ready(written) => {
                if let Err(error) = written {
                    drop(self.write_failed(error));
                }
                // It failed, now or before: what was queued may be lost.
                let is_flushed = self.is_flushed(target);
                Poll::Ready(if is_flushed {
                    Ok(())
                } else {
                    Err(SendError::Closed.into())
                })
            }
        }
    }

    /// Whether everything up to `target` has been written, and passed on by the transport.
    fn is_flushed(&self, target: FlushTarget) -> bool {
        FlushTarget(self.flushed - self.jumped) >= target
    }

    /// Calls `f`, which may queue control frames.
    pub(crate) fn control<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        // With what is lost by it, which is counted elsewhere.
        let queued = |outbox: &Outbound| signed(outbox.queued() as u64) + signed(outbox.lost());
        let before = queued(&self.outbox);
        let result = f(&mut self.outbox);
        // Less if waiting pongs were dropped or have made way for others.
        self.jumped += queued(&self.outbox) - before;
        result
    }

    /// Flushes the transport while a write waits, whose signal must not be missed.
    fn poll_transport_flush(&mut self) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        self.socket.begin_beside();
        let mut cx = Context::from_waker(&self.socket_waker);
        let polled = uninterrupted(|| io.poll_flush(&mut cx));
        self.effects.wake_socket |= self.socket.end();
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.flushed = self.written;
        }
        polled
    }

    /// Shuts the transport's writing half down, once everything is written.
    pub(crate) fn poll_shutdown(&mut self) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        self.socket.begin();
        let mut cx = Context::from_waker(&self.socket_waker);
        let polled = uninterrupted(|| io.poll_shutdown(&mut cx));
        self.effects.wake_socket |= self.socket.end();
        self.blocked = polled.is_pending();
        polled
    }

    /// Writes what the transport takes, of the lanes too.
    #[inline]
    pub(crate) fn poll_write_out(&mut self) -> Poll<io::Result<()>> {
        if self.lanes.is_some() {
            return self.poll_write_lanes();
        }
        self.poll_write_queue()
    }

    #[inline]
    fn poll_write_queue(&mut self) -> Poll<io::Result<()>> {
        if self.outbox.is_empty() && !self.dirty {
            self.socket.note();
            return Poll::Ready(Ok(()));
        }
        if self.blocked && !self.socket.is_signalled() {
            return Poll::Pending;
        }
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        let before = self.outbox.queued();
        self.socket.begin();
        let mut cx = Context::from_waker(&self.socket_waker);
        let polled = poll_write_out(io, &mut self.outbox, &mut self.dirty, &mut cx);
        self.effects.wake_socket |= self.socket.end();
        self.blocked = polled.is_pending();
        self.written += signed((before - self.outbox.queued()) as u64);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.flushed = self.written;
        }
        polled
    }

    #[cold]
    fn poll_write_lanes(&mut self) -> Poll<io::Result<()>> {
        loop {
            self.drain_lanes();
            match self.poll_write_queue() {
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
    /// does. The caller keeps the reason, whose owner may run code when it is dropped.
    pub(crate) fn close(&mut self, close: &CloseFrame) -> Result<(), SendError> {
        wskit_proto::Outbox::check_close(close)?;
        if self.lanes.is_some() && !self.message_open {
            while let Some(mut message) = self.lanes.as_mut().and_then(|lanes| lanes.next(false)) {
                let _ = self.outbox.feed_reserved(message.outgoing());
            }
        }
        self.outbox.close(Some(close.clone()))
    }

    /// Queues a message that is taken out of its place only if it can be: dropping it here might run
    /// code of its owner's.
    pub(crate) fn feed(&mut self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError> {
        self.outbox.check()?;
        match message.take() {
            Some(message) => self.outbox.feed(message),
            None => Ok(()),
        }
    }

    /// As [`feed`](Sender::feed), however much is queued.
    pub(crate) fn feed_reserved(
        &mut self,
        message: &mut Option<Outgoing<'_>>,
    ) -> Result<(), SendError> {
        match self.outbox.check() {
            Ok(()) | Err(SendError::QueueFull) => {}
            Err(error) => return Err(error),
        }
        match message.take() {
            Some(message) => self.outbox.feed_reserved(message),
            None => Ok(()),
        }
    }

    pub(crate) fn try_feed(&mut self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError> {
        self.outbox.check()?;
        if self.may_enter(None) {
            self.feed(message)
        } else {
            Err(SendError::QueueFull)
        }
    }

    /// Keeps all others from queueing data until it is given up.
    pub(crate) fn lock_message(&mut self) -> Result<(), SendError> {
        self.outbox.check()?;
        self.message_open = true;
        Ok(())
    }

    pub(crate) fn unlock_message(&mut self) {
        self.message_open = false;
    }

    pub(crate) fn take_permit(&mut self) -> Result<(), SendError> {
        self.outbox.check()?;
        self.permits += 1;
        Ok(())
    }

    pub(crate) fn return_permit(&mut self) {
        self.permits -= 1;
    }

    /// Ends a connection that only lanes are left of: says so to the peer, if the transport takes it.
    pub(crate) fn abandon(&mut self, close: &CloseFrame) {
        let is_written = |polled| matches!(polled, Poll::Ready(Ok(())));
        if is_written(self.poll_write_out()) {
            let _ = self.close(close);
            if is_written(self.poll_write_out()) {
                let _ = self.poll_shutdown();
            }
        }
        self.outbox.transport_failed(io::ErrorKind::NotConnected);
    }

    /// See [`PollWrite::unacknowledged`].
    pub(crate) fn unacknowledged(&self) -> Option<usize> {
        self.io.as_ref()?.unacknowledged()
    }

    /// The transport, once the connection is over.
    pub(crate) fn take_io_if_over(&mut self) -> Option<W> {
        if self.outbox.state() == State::Closed {
            self.blocked = false;
            self.dirty = false;
            self.io.take()
        } else {
            None
        }
    }
}
