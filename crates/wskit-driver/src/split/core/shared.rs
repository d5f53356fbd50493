use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_proto::{
    CloseCode, CloseFrame, Ending, Outbound, Outcome, Outgoing, SendError, Spare, State,
    WithOutbound,
};

use super::flags::AtomicFlags;
use super::parked::ReaderSlot;
use super::sender::Sender;
use super::socket_waker::SocketWaker;
use super::wait_queue::{FlushTarget, Ticket, WaitFor, Waiter};
use crate::error::ConnectionError;
use crate::link::Link;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, lock};
use crate::transport::{PollRead, Transport};

/// What the halves share: the sending half and the transport's, behind a lock that is never held
/// across a wait, and flags that say without it whether there is a reason to take it.
pub(crate) struct Shared<T: Transport> {
    sender: Mutex<Sender<T::Write>>,
    flags: AtomicFlags,
    socket: Arc<SocketWaker>,
    socket_waker: Waker,
    /// The reading half, once its owner has dropped it: then those who write read too.
    pub(crate) slot: Mutex<ReaderSlot<T>>,
    /// Readers and writers; lanes and weak writers do not keep a connection.
    owners: AtomicUsize,
    timer: Mutex<T::Timer>,
    protocol: Option<Box<str>>,
    close_timeout: Duration,
    /// The latest round trip of a keepalive ping, in microseconds; 0 before the first.
    round_trip: AtomicUsize,
}

/// A place among those who wait. Left when it is dropped.
pub(crate) struct WaitGuard<'a, T: Transport> {
    shared: &'a Shared<T>,
    pub(crate) ticket: Option<Ticket>,
}

impl<'a, T: Transport> WaitGuard<'a, T> {
    pub(crate) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }

    /// Polls `attempt` under the lock, and waits for what it says if it cannot go on.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&mut Sender<T::Write>, &mut Option<Ticket>) -> Result<R, WaitFor>,
    ) -> Poll<R> {
        self.shared.poll_in(cx, &mut self.ticket, attempt)
    }

    /// Calls `enter` once there is room and it is this one's turn.
    pub(crate) fn poll_enter(
        &mut self,
        cx: &mut Context<'_>,
        enter: fn(&mut Sender<T::Write>) -> Result<(), SendError>,
    ) -> Poll<Result<(), ConnectionError>> {
        self.poll(cx, |sender, ticket| match sender.poll_enter(ticket) {
            Poll::Ready(Ok(())) => Ok(enter(sender).map_err(ConnectionError::from)),
            Poll::Ready(Err(error)) => Ok(Err(error)),
            Poll::Pending => Err(WaitFor::Turn),
        })
    }
}

impl<T: Transport> Drop for WaitGuard<'_, T> {
    fn drop(&mut self) {
        self.shared.give_up(&mut self.ticket);
    }
}

impl<T: Transport> Shared<T> {
    /// Counts a reader and a writer.
    pub(crate) fn new(
        outbox: Outbound,
        io: T::Write,
        dirty: bool,
        timer: T::Timer,
        protocol: Option<Box<str>>,
    ) -> Self {
        let socket = Arc::new(SocketWaker::new());
        let close_timeout = outbox.close_timeout();
        let mut sender = Sender::new(outbox, io, dirty, socket.clone());
        let flags = AtomicFlags::new(sender.settle());
        Self {
            sender: Mutex::new(sender),
            flags,
            socket_waker: socket.clone().into(),
            socket,
            slot: Mutex::new(ReaderSlot::Empty),
            owners: AtomicUsize::new(2),
            timer: Mutex::new(timer),
            protocol,
            close_timeout,
            round_trip: AtomicUsize::new(0),
        }
    }

    /// Calls `f` with the sending half and wakes whom the change concerns.
    pub(crate) fn with_sender<R>(&self, f: impl FnOnce(&mut Sender<T::Write>) -> R) -> R {
        let mut sender = lock(&self.sender);
        let result = f(&mut sender);
        self.release(sender);
        result
    }

    /// Releases the lock, then wakes and drops what is to be woken and dropped.
    fn release(&self, mut sender: MutexGuard<'_, Sender<T::Write>>) {
        let flags = sender.settle();
        self.flags.store(flags);
        // A reader that registers after the transport has woken looks at the flags.
        sender.look_again();
        if !flags.is_closed() && sender.effects.is_empty() {
            return;
        }
        self.release_with_effects(sender);
    }

    #[cold]
    fn release_with_effects(&self, mut sender: MutexGuard<'_, Sender<T::Write>>) {
        let effects = core::mem::take(&mut sender.effects);
        let io = sender.take_io_if_over();
        drop(sender);
        drop(io);
        effects.run(&self.socket);
    }

    /// Calls `attempt` under the lock. If it cannot go on, this task is woken when it may.
    pub(crate) fn poll_in<R>(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        mut attempt: impl FnMut(&mut Sender<T::Write>, &mut Option<Ticket>) -> Result<R, WaitFor>,
    ) -> Poll<R> {
        // Wakers are foreign code: they are cloned before the lock is taken, if they may be needed.
        let is_contended = self.flags.load_relaxed().is_contended();
        let mut waiter = (ticket.is_some() || is_contended).then(|| Waiter::new(cx.waker()));
        let mut has_polled = false;
        loop {
            let mut sender = lock(&self.sender);
            match attempt(&mut sender, ticket) {
                Ok(result) => {
                    if let Some(ticket) = ticket.take() {
                        sender.leave(ticket);
                    }
                    self.release(sender);
                    return Poll::Ready(result);
                }
                Err(_) if !has_polled && sender.can_write() => {
                    // This task may have been woken to write for all who wait.
                    has_polled = true;
                    if let Poll::Ready(Err(error)) = sender.poll_write_out() {
                        drop(sender.write_failed(error));
                    }
                    self.release(sender);
                }
                Err(wait) => {
                    let waits = if sender.queue.holds(*ticket, wait, cx.waker()) {
                        true
                    } else if let Some(waiter) = waiter.take() {
                        sender.enter(ticket, wait, waiter);
                        true
                    } else {
                        false
                    };
                    self.release(sender);
                    if waits {
                        self.drive_parked();
                        return Poll::Pending;
                    }
                    waiter = Some(Waiter::new(cx.waker()));
                }
            }
        }
    }

    /// Leaves a place of somebody who no longer waits.
    pub(crate) fn give_up(&self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.with_sender(|sender| sender.give_up(ticket));
        }
    }

    pub(crate) fn state(&self) -> State {
        self.flags.load().state()
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        lock(&self.sender).outbox.outcome()
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(crate) fn timer(&self) -> T::Timer {
        lock(&self.timer).clone()
    }

    pub(crate) fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// The waker that the transport is to be polled with by those who write.
    pub(crate) fn socket_waker(&self) -> &Waker {
        &self.socket_waker
    }

    /// Whether something waits for the socket, encoded or not.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.flags.load().is_unwritten()
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros as u64)),
        }
    }

    /// Tells the writers what the reader has measured.
    pub(crate) fn set_round_trip(&self, time: Option<Duration>) {
        if let Some(time) = time {
            let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
            self.round_trip.store(micros.max(1), Ordering::Relaxed);
        }
    }

    /// To be asked before a poll that may end in [`wait_as_reader`](Shared::wait_as_reader): another
    /// wakes after it says that the transport has woken its writer meanwhile.
    pub(crate) fn wakes(&self) -> usize {
        self.socket.wakes()
    }

    pub(crate) fn wait_as_reader(&self, waker: &Waker) {
        self.socket.set_reader(waker);
    }

    /// The reader no longer waits.
    pub(crate) fn forget_reader(&self) {
        drop(self.socket.take_reader());
    }

    /// Adds a writer beside a reader or a writer.
    pub(crate) fn add_owner(&self) {
        self.owners.fetch_add(1, Ordering::AcqRel);
    }

    /// Adds a writer; false if there is no reader and no writer left.
    pub(crate) fn try_add_owner(&self) -> bool {
        let mut owners = self.owners.load(Ordering::Acquire);
        loop {
            if owners == 0 {
                return false;
            }
            match self.owners.compare_exchange(
                owners,
                owners + 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => owners = now,
            }
        }
    }

    pub(crate) fn has_owner(&self) -> bool {
        self.owners.load(Ordering::Acquire) > 0
    }

    /// A reader or a writer has gone. With the last one the connection ends, though lanes may be left:
    /// nothing reads from it any more. Returns whether it was the last one.
    pub(crate) fn remove_owner(&self) -> bool {
        let is_last = self.owners.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            let close = CloseFrame::new(CloseCode::GOING_AWAY, "");
            self.with_sender(|sender| {
                if sender.lanes.is_some() {
                    sender.abandon(&close);
                }
            });
            self.clear_slot();
        }
        is_last
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.flags.load().is_parked()
    }

    /// Writes all that is queued; the reader is woken for it if the socket takes nothing for now.
    pub(crate) fn poll_write_out(&self) -> Poll<io::Result<()>> {
        if !self.is_unwritten() {
            return Poll::Ready(Ok(()));
        }
        self.with_sender(Sender::poll_write_out)
    }

    /// Queues a message once there is room and it is this one's turn. With `flush`, goes on until it is
    /// written.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        guard: &mut WaitGuard<'_, T>,
        message: &mut Option<Outgoing<'_>>,
        target: &mut Option<FlushTarget>,
        flush: bool,
    ) -> Poll<Result<(), ConnectionError>> {
        let polled = guard.poll(cx, |sender, ticket| {
            if target.is_none() {
                match sender.poll_enter(ticket) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Ok(Err(error)),
                    Poll::Pending => return Err(WaitFor::Turn),
                }
                if let Err(error) = sender.feed(message) {
                    return Ok(Err(error.into()));
                }
                if !flush {
                    return Ok(Ok(()));
                }
            }
            let target = *target.get_or_insert_with(|| sender.flush_target());
            match sender.poll_flush(target) {
                Poll::Ready(flushed) => Ok(flushed),
                Poll::Pending => Err(WaitFor::Flush(target)),
            }
        });
        if flush {
            self.drive_parked();
        }
        polled
    }

    /// Writes until everything that was queued at the first poll is out. `target` keeps what that is.
    pub(crate) fn poll_flush(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        target: &mut Option<FlushTarget>,
        wait: fn(FlushTarget) -> WaitFor,
    ) -> Poll<Result<(), ConnectionError>> {
        let polled = self.poll_in(cx, ticket, |sender, _| {
            let target = *target.get_or_insert_with(|| sender.flush_target());
            match sender.poll_flush(target) {
                Poll::Ready(flushed) => Ok(flushed),
                Poll::Pending => Err(wait(target)),
            }
        });
        self.drive_parked();
        polled
    }

    /// Ready when the connection is over. Writes, shuts down and, if the reader is gone, reads.
    pub(crate) fn poll_end(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Outcome> {
        self.drive_parked();
        self.poll_in(cx, ticket, |sender, _| {
            match sender.poll_write_out() {
                Poll::Ready(Err(error)) => drop(sender.write_failed(error)),
                Poll::Ready(Ok(()))
                    if sender.outbox.ending() == Ending::ShutDown
                        && sender.poll_shutdown().is_ready() =>
                {
                    sender.outbox.transport_shut_down();
                }
                _ => {}
            }
            sender.tell_that_nothing_more_comes();
            sender.outbox.outcome().ok_or(WaitFor::End)
        })
    }
}

impl<W: crate::transport::PollWrite> Sender<W> {
    fn enter(&mut self, ticket: &mut Option<Ticket>, wait: WaitFor, waiter: Waiter) {
        if ticket.is_some_and(|ticket| ticket.wait() != wait) {
            if let Some(ticket) = ticket.take() {
                self.leave(ticket);
            }
        }
        let old = self.queue.enter(ticket, wait, waiter);
        if let (Some(old), Some(ticket)) = (&old, *ticket) {
            if !old.is_whole() {
                // The socket's waker has the old waker, which may wake another task.
                self.undo_designation(ticket.number);
            }
        }
        self.effects.drop(old);
        if let (WaitFor::Lane(lane), Some(lanes)) = (wait, &mut self.lanes) {
            lanes.await_lane(lane);
        }
    }
}

/// The reader's hold on a connection: its half of the transport, and the lock for the rest.
pub(crate) struct ReadSide<'a, T: Transport> {
    /// `None` once the connection is over.
    pub(crate) read: Option<&'a mut T::Read>,
    pub(crate) shared: &'a Shared<T>,
}

impl<T: Transport> WithOutbound for ReadSide<'_, T> {
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        self.shared.with_sender(|sender| sender.control(f))
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), SendError> {
        self.shared.with_sender(|sender| sender.close(&close))
    }

    fn waits_to_send(&mut self) -> bool {
        self.shared.flags.load().has_lane_messages()
            || self.with_outbound(|outbox| outbox.has_unsent())
    }
}

impl<T: Transport> PollRead for ReadSide<'_, T> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.read {
            Some(read) => read.poll_read(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.read {
            Some(read) => read.poll_read_large(cx, spare),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl<T: Transport> Link for ReadSide<'_, T> {
    fn state(&self) -> State {
        self.shared.state()
    }

    fn ending(&mut self) -> Ending {
        match self.shared.state() {
            State::Open => Ending::NotYet,
            _ => self.with_outbound(|outbox| outbox.ending()),
        }
    }

    fn is_over_high_water(&self) -> bool {
        self.shared.flags.load().is_over_high_water()
    }

    fn is_message_open(&self) -> bool {
        self.shared.flags.load().is_message_open()
    }

    fn unacknowledged(&mut self) -> Option<usize> {
        self.shared.with_sender(|sender| sender.unacknowledged())
    }

    fn poll_write_out(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The reader is woken with those who write.
        self.shared.poll_write_out()
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with_sender(Sender::poll_shutdown)
    }
}
