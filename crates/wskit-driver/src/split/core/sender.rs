use std::io;
use std::task::Poll;

use wskit_proto::{CloseFrame, Ending, Outbound, Outgoing, SendError, State};

use super::effects::Effects;
use super::flags::Flags;
use super::output::{FlushTarget, Output};
use super::socket_waker::SocketWaker;
use super::wait_queue::{Ticket, WaitFor, WaitQueue, Waiter};
use crate::error::ConnectionError;
use crate::split::lanes::{Buffered, Lanes};
use crate::sync::Arc;
use crate::transport::{PollWrite, Timer};

/// The sending half of a split connection, behind the lock of [`Shared`](super::shared::Shared).
///
/// No foreign code runs while the lock is held: what is to be woken or dropped is collected in
/// `effects` until the lock has been released. The transport and its clock are polled under it.
pub(crate) struct Sender<W, C> {
    pub(crate) output: Output<W>,
    /// The clock, and an alarm that is never armed.
    pub(super) timer: C,
    socket: Arc<SocketWaker>,
    pub(super) queue: WaitQueue,
    /// `None` until a lane is opened.
    pub(super) lanes: Option<Box<Lanes>>,
    /// The number of the latest mark before the split.
    pub(super) last_mark: u32,
    /// Where the latest mark of the lanes ends.
    pub(super) marked: FlushTarget,
    /// The reader was dropped: the tasks that wait read in its place.
    pub(super) parked: bool,
    pub(super) effects: Effects,
    /// The flags when the lock was last released.
    last_flags: Flags,
}

/// The result of a call, or what it has to wait for.
pub(crate) type Attempt<R> = Result<Result<R, ConnectionError>, WaitFor>;

impl<W: PollWrite, C: Timer> Sender<W, C> {
    pub(super) fn new(
        output: Output<W>,
        timer: C,
        socket: Arc<SocketWaker>,
        last_mark: u32,
    ) -> Self {
        Self {
            output,
            timer,
            socket,
            queue: WaitQueue::default(),
            lanes: None,
            last_mark,
            marked: FlushTarget::default(),
            parked: false,
            effects: Effects::default(),
            last_flags: Flags::default(),
        }
    }

    // Settling: before the lock is released.

    fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        self.output.set_flags(&mut flags);
        flags.set(Flags::PARKED, self.parked);
        flags.set(Flags::CONTENDED, self.queue.has_direct());
        flags
    }

    /// Finds out what has changed while the lock was held, and which waiters can go on. Returns the
    /// flags, and leaves what is to be done without the lock in `effects`.
    pub(super) fn settle(&mut self) -> Flags {
        let mut flags = self.flags();
        if self.lanes.is_some() {
            self.settle_lanes(&mut flags);
        }
        let before = core::mem::replace(&mut self.last_flags, flags);
        self.effects.wake_socket |= self.output.take_woken();
        if self.output.outbox.has_spent() {
            let spent = self.output.outbox.take_spent();
            self.effects.payloads.extend(spent);
        }
        if before.state() != flags.state() {
            // The reader has a deadline to arm or an end to report.
            self.effects.wake_reader = true;
            for waiter in self.queue.take_all() {
                self.wake(Some(waiter));
            }
            if flags.is_closed() {
                self.wake_watchers();
            }
        } else if before.is_message_open() && !flags.is_message_open() {
            // A shutdown waits for it.
            self.effects.wake_reader = true;
        }
        let is_stuck = !self.queue.is_empty() && self.settle_waiters(flags);
        if is_stuck || (flags.are_lanes_due() && !before.are_lanes_due()) {
            self.request_write();
        }
        if (self.output.is_blocked() || self.parked) && !self.socket.has_reliable_writers() {
            self.socket.add_writers(self.queue.take_for_socket());
            // The transport may have woken before the writers were added.
            self.effects.wake_socket |= self.output.is_ready_again();
        }
        flags
    }

    /// Wakes the waiters that can go on. Returns whether others cannot go on before something is written,
    /// and no task may be about to write it.
    fn settle_waiters(&mut self, flags: Flags) -> bool {
        if let Some(ticket) = self.queue.first_direct() {
            if self.may_enter(Some(ticket)) {
                let first = self.queue.take_first_direct();
                self.wake(first);
            }
        }
        let written = self.output.written();
        while let Some(waiter) = self.queue.take_flushed(written) {
            self.wake(Some(waiter));
        }
        if self.queue.has_in_message() && self.output.has_room_in_message() {
            let waiter = self.queue.take_in_message();
            self.wake(waiter);
        }
        if self.queue.has_sinks() && self.output.has_room() {
            // The next sink is woken when this one has sent. It may never be polled again, so all are
            // woken when the queue is empty.
            while let Some(waiter) = self.queue.take_sink() {
                self.wake(Some(waiter));
                if !self.output.outbox.is_empty() {
                    break;
                }
            }
        }
        let mut rooms = Vec::new();
        if self.queue.watches_room() && self.admits() {
            rooms = self.queue.take_rooms();
        }
        let is_stuck = flags.is_unflushed()
            && !self.output.is_blocked()
            && !self.queue.is_empty()
            && !self.effects.wakes_writers();
        // They may not write, so they do not count above.
        for waiter in rooms {
            self.wake(Some(waiter));
        }
        is_stuck
    }

    /// Adds what the flags say of the lanes, and wakes the senders whose messages have left.
    #[cold]
    fn settle_lanes(&mut self, flags: &mut Flags) {
        let is_due = self.are_lanes_due();
        let is_open = self.output.outbox.state() == State::Open;
        let Some(lanes) = &mut self.lanes else {
            return;
        };
        if !lanes.is_empty() {
            if is_open {
                flags.set(Flags::LANES, lanes.has_ready());
                flags.set(Flags::LANES_DUE, is_due);
            } else {
                lanes.clear(&mut self.effects.messages);
            }
        }
        for lane in lanes.take_moved() {
            let waiter = self.queue.take_lane(lane);
            self.wake(waiter);
        }
    }

    /// Wakes the reader, if it waits, and one waiter, to write what there is.
    fn request_write(&mut self) {
        self.socket.signal();
        self.socket.add_writers(self.queue.take_for_socket());
        self.effects.wake_socket = true;
    }

    /// Has the tasks that wait read from now on, because the reader was dropped.
    pub(super) fn park(&mut self) {
        self.parked = true;
        self.request_write();
    }

    /// Checks once more, after the flags have been stored, whether the transport has woken since it
    /// refused.
    pub(super) fn check_socket_again(&mut self) {
        self.effects.wake_socket |= self.output.is_ready_again_by_now();
    }

    // Waiters.

    /// Has a call wait, in the place of `ticket` if it waits for the same already.
    pub(super) fn add_waiter(
        &mut self,
        ticket: &mut Option<Ticket>,
        wait: WaitFor,
        waiter: Waiter,
    ) {
        if let Some(other) = ticket.take_if(|ticket| ticket.wait() != wait) {
            self.remove_waiter(other);
        }
        let old = self.queue.add(ticket, wait, waiter);
        if let Some(old) = &old {
            if !old.is_whole() {
                // The socket's waker has the old waker, which may wake another task.
                self.remove_from_socket(old.number());
            }
        }
        self.effects.drop(old);
        if let (WaitFor::Lane(lane), Some(lanes)) = (wait, &mut self.lanes) {
            lanes.await_lane(lane);
        }
    }

    /// Removes the waiter of a future that was dropped.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        let removed = self.remove_waiter(ticket);
        // It may have been woken in vain, or was the one to be woken.
        let was_woken = removed.is_none_or(|was_whole| !was_whole);
        if self.output.has_unfinished() || self.parked {
            if was_woken && (self.parked || self.socket.is_signalled()) {
                self.request_write();
            } else if matches!(ticket.wait(), WaitFor::Flush(_) | WaitFor::HandleFlush(_)) {
                // The peer may wait for the rest of a message.
                self.effects.wake_reader = true;
            }
        }
    }

    /// Removes a waiter. Returns `None` if it was woken before, and false if the socket's waker had its
    /// waker.
    pub(super) fn remove_waiter(&mut self, ticket: Ticket) -> Option<bool> {
        let waiter = self.queue.remove(ticket);
        let was_whole = waiter.as_ref().map(Waiter::is_whole);
        if was_whole == Some(false) {
            self.remove_from_socket(ticket.number());
        }
        self.effects.drop(waiter);
        if ticket.wait() == WaitFor::Turn && !self.queue.has_direct() {
            if let Some(lanes) = &mut self.lanes {
                lanes.remove_direct();
            }
        }
        was_whole
    }

    /// Wakes a waiter that can go on. It need not write, so the socket's waker must not rely on it.
    pub(super) fn wake(&mut self, waiter: Option<Waiter>) {
        if let Some(waiter) = waiter.as_ref().filter(|waiter| !waiter.is_whole()) {
            self.remove_from_socket(waiter.number());
        }
        self.effects.wake(waiter);
    }

    /// Takes the waker of a waiter that is gone out of the socket's waker.
    pub(super) fn remove_from_socket(&mut self, number: u64) {
        if self.socket.has_writers() {
            let waker = self.socket.remove_writer(number);
            self.effects.wakers.extend(waker);
        }
    }

    // Room and turns.

    pub(super) fn may_enter(&self, ticket: Option<Ticket>) -> bool {
        self.queue.is_first(ticket)
            && self.output.has_room()
            && self.lanes.as_ref().is_none_or(|lanes| {
                lanes.admits_direct(ticket.is_some(), self.output.outbox.queued())
            })
    }

    /// Calls `enter` if there is room and it is the caller's turn.
    pub(crate) fn try_enter(
        &mut self,
        ticket: &mut Option<Ticket>,
        enter: impl FnOnce(&mut Output<W>) -> Result<(), SendError>,
    ) -> Attempt<()> {
        if self.output.outbox.state() != State::Open {
            return Ok(Err(SendError::Closed.into()));
        }
        if !self.may_enter(*ticket) {
            // Writing makes room; a turn has to be waited for.
            if let Err(error) = self.write_out() {
                return Ok(Err(error.into()));
            }
            if !self.may_enter(*ticket) {
                return Err(WaitFor::Turn);
            }
        }
        if let Some(ticket) = ticket.take() {
            self.remove_waiter(ticket);
        }
        if let Some(lanes) = &mut self.lanes {
            lanes.remove_direct();
        }
        Ok(enter(&mut self.output).map_err(ConnectionError::from))
    }

    /// Queues a message if there is room and no other writer waits.
    pub(crate) fn try_feed(&mut self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError> {
        self.output.outbox.check()?;
        if self.may_enter(None) {
            self.output.feed(message)
        } else {
            Err(SendError::QueueFull)
        }
    }

    /// Returns what waits in the lanes and for the socket.
    pub(crate) fn buffered(&self) -> Buffered {
        let lanes = self.lanes.as_ref();
        let mut buffered = lanes.map_or_else(Buffered::default, |lanes| lanes.buffered());
        buffered.bytes += self.output.outbox.queued();
        buffered
    }

    // Writing.

    /// Writes what the transport takes, from the lanes too.
    #[inline]
    pub(super) fn poll_write_out(&mut self) -> Poll<io::Result<()>> {
        if self.lanes.is_some() {
            return self.poll_write_lanes();
        }
        self.output.poll_write()
    }

    #[cold]
    fn poll_write_lanes(&mut self) -> Poll<io::Result<()>> {
        loop {
            self.drain_lanes();
            match self.output.poll_write() {
                Poll::Ready(Ok(())) if self.are_lanes_due() => {}
                polled => {
                    // Fills the room that a refused write has made, so that nothing is due.
                    self.drain_lanes();
                    return polled;
                }
            }
        }
    }

    /// Writes what the transport takes. An error is noted and returned, to be dropped after unlocking.
    pub(crate) fn write_out(&mut self) -> io::Result<()> {
        match self.poll_write_out() {
            Poll::Ready(Err(error)) => {
                self.write_failed(&error);
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Notes that a write failed.
    fn write_failed(&mut self, error: &io::Error) {
        let failed = |outbox: &mut Outbound| outbox.write_failed(error.kind());
        if self.output.control(failed) {
            self.shut_down_if_owed();
        }
    }

    /// Writes and flushes everything up to `target`, which is set to what is queued now if it is `None`.
    pub(crate) fn try_flush(
        &mut self,
        target: &mut Option<FlushTarget>,
        wait: fn(FlushTarget) -> WaitFor,
    ) -> Attempt<()> {
        let target = *target.get_or_insert_with(|| self.output.flush_target());
        if self.output.is_flushed(target) {
            return Ok(Ok(()));
        }
        if self.output.outbox.state() == State::Closed {
            return Ok(Err(SendError::Closed.into()));
        }
        let mut polled = self.poll_write_out();
        if polled.is_pending() && self.output.written() >= target {
            // Others keep the queue full, and it may never be empty.
            polled = self.output.poll_transport_flush();
        }
        let Poll::Ready(written) = polled else {
            return Err(wait(target));
        };
        if let Err(error) = written {
            let is_close_out = self.output.outbox.is_close_out();
            self.write_failed(&error);
            if !is_close_out {
                return Ok(Err(error.into()));
            }
            self.effects.errors.push(error);
        }
        // A write failed, now or before, and what was queued may be lost.
        let is_flushed = self.output.is_flushed(target);
        Ok(if is_flushed {
            Ok(())
        } else {
            Err(SendError::Closed.into())
        })
    }

    /// Goes on with the end of the connection: writes, then shuts the transport down.
    pub(super) fn write_end(&mut self) {
        match self.poll_write_out() {
            Poll::Ready(Err(error)) => {
                self.write_failed(&error);
                self.effects.errors.push(error);
            }
            Poll::Ready(Ok(())) if self.output.outbox.ending() == Ending::ShutDown => {
                self.shut_down();
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        self.shut_down_if_owed();
    }

    /// Shuts down while the reader goes on, if the connection asks for that.
    fn shut_down_if_owed(&mut self) {
        if self.output.outbox.owes_shutdown() {
            self.shut_down();
        }
    }

    fn shut_down(&mut self) {
        if let Poll::Ready(result) = self.output.poll_shutdown() {
            self.effects.errors.extend(result.err());
            self.output.outbox.transport_shut_down();
        }
    }

    /// Starts the closing handshake. Messages that wait in the lanes go before the Close, as queued
    /// ones do. The caller keeps `close`: dropping its reason may run code of its owner.
    pub(crate) fn close(&mut self, close: &CloseFrame) -> Result<(), SendError> {
        wskit_proto::Outbox::check_close(close)?;
        if !self.output.is_message_open() {
            self.empty_lanes();
        }
        self.output.outbox.close(Some(close.clone()))
    }

    /// Writes what the transport takes. Returns whether that is everything.
    fn is_written_out(&mut self) -> bool {
        let polled = self.poll_write_out();
        let polled = polled.map_err(|error| self.effects.errors.push(error));
        polled == Poll::Ready(Ok(()))
    }

    /// Ends a connection of which only lanes are left. The peer gets `close` if the transport takes it
    /// at once.
    pub(super) fn abandon(&mut self, close: &CloseFrame) {
        if self.lanes.is_none() {
            return;
        }
        if self.is_written_out() {
            let _ = self.close(close);
            if self.is_written_out() {
                let _ = self
                    .output
                    .poll_shutdown()
                    .map_err(|error| self.effects.errors.push(error));
            }
        }
        self.output
            .outbox
            .transport_failed(io::ErrorKind::NotConnected);
    }
}
