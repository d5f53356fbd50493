use std::io;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_proto::{CloseCode, CloseFrame, Delivery, Outbound, Outcome, QueuedMessage, State};

use super::flags::{AtomicFlags, Flags};
use super::output::Output;
use super::read_side::ReadSide;
use super::reader_slot::{Parked, ReaderSlot};
use super::sender::{Attempt, Sender};
use super::socket_waker::SocketWaker;
use super::wait_queue::{Ticket, WaitFor, Waiter};
use crate::error::ConnectionError;
use crate::parts::Terms;
use crate::rare::Rare;
use crate::split::lanes::LaneId;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, lock};
use crate::transport::Transport;

/// What the halves of a split connection share: the sending half behind a lock that is never held
/// across a wait, and flags that say without the lock whether there is a reason to take it.
pub(crate) struct Shared<T: Transport> {
    sender: Mutex<Sender<T::Write, T::Timer>>,
    flags: AtomicFlags,
    socket: Arc<SocketWaker>,
    socket_waker: Waker,
    /// The reading half, once the reader was dropped: tasks that write then read too.
    slot: ReaderSlot<T>,
    /// The number of readers and writers. Lanes and weak writers do not keep a connection.
    owners: AtomicUsize,
    terms: Rare<Terms>,
    close_timeout: Duration,
    /// The latest round trip of a keepalive ping, in microseconds; 0 before the first.
    round_trip: AtomicUsize,
}

impl<T: Transport> Shared<T> {
    /// Creates the shared part of a reader and a writer, which are counted as its owners.
    pub(crate) fn new(
        outbox: Outbound,
        io: T::Write,
        dirty: bool,
        last_mark: u32,
        timer: T::Timer,
        terms: Rare<Terms>,
    ) -> Self {
        let socket = Arc::new(SocketWaker::new());
        let close_timeout = outbox.close_timeout();
        let output = Output::new(outbox, io, dirty, socket.clone());
        let mut sender = Sender::new(output, timer, socket.clone(), last_mark);
        let flags = AtomicFlags::new(sender.settle());
        Self {
            sender: Mutex::new(sender),
            flags,
            socket_waker: socket.clone().into(),
            socket,
            slot: ReaderSlot::new(),
            owners: AtomicUsize::new(2),
            terms,
            close_timeout,
            round_trip: AtomicUsize::new(0),
        }
    }

    /// Takes the shared part apart: the queue, whether the transport is to be flushed, the number of the
    /// latest mark, and the terms. What waits in lanes is queued.
    pub(crate) fn into_parts(self) -> (Outbound, bool, u32, Rare<Terms>) {
        let sender = self.sender.into_inner();
        let mut sender = sender.unwrap_or_else(PoisonError::into_inner);
        // A weak writer may have filled a lane meanwhile.
        sender.empty_lanes();
        let last_mark = sender.last_mark();
        // For weak writers it has ended.
        sender.wake_watchers();
        core::mem::take(&mut sender.effects).run(&self.socket);
        let (outbox, dirty) = sender.output.into_queue();
        (outbox, dirty, last_mark, self.terms)
    }

    /// Takes the transport's writing half from the only owner, and lets no weak writer become one. Returns
    /// `None` if there is another owner or the connection is over.
    pub(crate) fn take_io(&self) -> Option<T::Write> {
        self.owners
            .compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire)
            .ok()?;
        let io = lock(&self.sender).output.take_io();
        if io.is_none() {
            self.owners.store(1, Ordering::Release);
        }
        io
    }

    /// Reverses [`take_io`](Shared::take_io).
    pub(crate) fn put_io_back(&self, io: T::Write) {
        self.with_sender(|sender| sender.output.put_io_back(io));
        self.owners.store(1, Ordering::Release);
    }

    // The sending half.

    /// Calls `f` with the sending half, then wakes the waiters that can go on.
    pub(crate) fn with_sender<R>(&self, f: impl FnOnce(&mut Sender<T::Write, T::Timer>) -> R) -> R {
        let mut sender = lock(&self.sender);
        let result = f(&mut sender);
        self.release(sender);
        result
    }

    /// Releases the lock, then wakes and drops what the sending half has collected.
    fn release(&self, mut sender: MutexGuard<'_, Sender<T::Write, T::Timer>>) {
        let flags = sender.settle();
        self.flags.store(flags);
        // A reader that registers after the transport has woken looks at the flags.
        sender.check_socket_again();
        if !flags.is_closed() && sender.effects.is_empty() {
            return;
        }
        self.release_with_effects(sender);
    }

    #[cold]
    fn release_with_effects(&self, mut sender: MutexGuard<'_, Sender<T::Write, T::Timer>>) {
        let effects = core::mem::take(&mut sender.effects);
        let io = sender.output.take_io_if_closed();
        drop(sender);
        drop(io);
        effects.run(&self.socket);
    }

    /// Calls `attempt` with the sending half. If it has to wait, this task is woken to call again.
    pub(crate) fn poll_sender<R>(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        mut attempt: impl FnMut(
            &mut Sender<T::Write, T::Timer>,
            &mut Option<Ticket>,
        ) -> Result<R, WaitFor>,
    ) -> Poll<R> {
        // Wakers are foreign code: one that may be needed is cloned before the lock is taken.
        let has_waited = ticket.is_some();
        let may_wait = has_waited || self.flags.load_relaxed().is_contended();
        let mut waiter = may_wait.then(|| Waiter::new(cx.waker()));
        let mut has_written = false;
        loop {
            let mut sender = lock(&self.sender);
            match attempt(&mut sender, ticket) {
                Ok(result) => {
                    if let Some(ticket) = ticket.take() {
                        sender.remove_waiter(ticket);
                    }
                    self.release(sender);
                    if has_waited {
                        // This task may have been woken to read for all waiters.
                        self.drive_parked();
                    }
                    return Poll::Ready(result);
                }
                Err(_) if !has_written && sender.output.can_write() => {
                    // This task may have been woken to write for all waiters.
                    has_written = true;
                    let written = sender.write_out();
                    self.release(sender);
                    drop(written);
                }
                Err(wait) => {
                    let waits = if sender.queue.holds(*ticket, wait, cx.waker()) {
                        true
                    } else if let Some(waiter) = waiter.take() {
                        sender.add_waiter(ticket, wait, waiter);
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

    /// Calls `attempt`, which flushes, as [`poll_sender`](Shared::poll_sender) does. Reads for a reader
    /// that was dropped, even if the flush is done at once.
    pub(crate) fn poll_flushing(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        attempt: impl FnMut(&mut Sender<T::Write, T::Timer>, &mut Option<Ticket>) -> Attempt<()>,
    ) -> Poll<Result<(), ConnectionError>> {
        let has_waited = ticket.is_some();
        let polled = self.poll_sender(cx, ticket, attempt);
        if polled.is_ready() && !has_waited {
            self.drive_parked();
        }
        polled
    }

    /// Ready when the connection is over. Writes, shuts down and, if the reader was dropped, reads.
    pub(crate) fn poll_end(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        wait: WaitFor,
    ) -> Poll<Outcome> {
        self.drive_parked();
        self.poll_sender(cx, ticket, |sender, _| {
            sender.write_end();
            sender.output.outbox.outcome().ok_or(wait)
        })
    }

    /// Writes everything that is queued. If the socket takes nothing for now, its waker wakes the
    /// reader.
    pub(crate) fn poll_write_out(&self) -> Poll<io::Result<()>> {
        if !self.is_unwritten() {
            return Poll::Ready(Ok(()));
        }
        self.with_sender(Sender::poll_write_out)
    }

    /// Removes a waiter whose future is dropped.
    pub(crate) fn cancel(&self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.with_sender(|sender| sender.cancel(ticket));
        }
    }

    // Getters.

    pub(super) fn flags(&self) -> Flags {
        self.flags.load()
    }

    pub(crate) fn state(&self) -> State {
        self.flags.load().state()
    }

    /// Whether something waits for the socket, encoded or not.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.flags.load().is_unwritten()
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        lock(&self.sender).output.outbox.outcome()
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        self.terms.as_ref()?.protocol.as_deref()
    }

    /// Asks the transport, if the connection is not over.
    pub(crate) fn with_io<R>(&self, f: impl FnOnce(&T::Write) -> Option<R>) -> Option<R> {
        lock(&self.sender).output.io().and_then(f)
    }

    pub(crate) fn timer(&self) -> T::Timer {
        lock(&self.sender).timer.clone()
    }

    pub(crate) fn close_timeout(&self) -> Duration {
        self.close_timeout
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

    // The reader.

    /// Returns the waker that the transport is polled with by tasks that write.
    pub(crate) fn socket_waker(&self) -> &Waker {
        &self.socket_waker
    }

    /// Returns how often the transport has woken its writer.
    ///
    /// If the number changes between a poll of the reader and
    /// [`wait_as_reader`](Shared::wait_as_reader), the reader has to wake itself.
    pub(crate) fn wakes(&self) -> usize {
        self.socket.wakes()
    }

    /// Sets the task that waits in the reader.
    pub(crate) fn wait_as_reader(&self, waker: &Waker) {
        self.socket.set_reader(waker);
    }

    /// Forgets the task that waited in the reader.
    pub(crate) fn forget_reader(&self) {
        drop(self.socket.take_reader());
    }

    // The owners.

    /// Adds a writer beside a reader or a writer.
    pub(crate) fn add_owner(&self) {
        self.owners.fetch_add(1, Ordering::AcqRel);
    }

    /// Adds a writer. Returns false if no reader and no writer is left.
    pub(crate) fn try_add_owner(&self) -> bool {
        let mut owners = self.owners.load(Ordering::Acquire);
        while owners > 0 {
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
        false
    }

    /// Whether a reader or a writer is left.
    pub(crate) fn has_owner(&self) -> bool {
        self.owners.load(Ordering::Acquire) > 0
    }

    /// Removes a reader or a writer. Returns whether it was the last one: the connection then ends, even
    /// if lanes are left, because nothing reads from it any more.
    pub(crate) fn remove_owner(&self) -> bool {
        let is_last = self.owners.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            let close = CloseFrame::new(CloseCode::GOING_AWAY, "");
            // A call of a weak writer must not be the one that drops the transport.
            let io = self.with_sender(|sender| {
                sender.abandon(&close);
                sender.wake_watchers();
                sender.output.take_io()
            });
            drop(io);
            self.clear_slot();
        }
        is_last
    }

    // The reading half of a reader that was dropped.

    /// Leaves the reading half to the tasks that write.
    pub(crate) fn park(&self, parked: Parked<T>) {
        self.slot.park(parked);
        self.with_sender(Sender::park);
        if self.state() == State::Closed {
            // What is left is to report the end and to drop the transport.
            self.drive_parked();
        }
        // The last writer may have been dropped since.
        if self.owners.load(Ordering::Acquire) == 0 {
            self.clear_slot();
        }
    }

    /// Drops the reading half, unless it is in use. If the connection is over, observers are told.
    fn clear_slot(&self) {
        if self.state() == State::Closed {
            self.drive_parked();
        }
        self.slot.clear();
    }

    /// Whether the reader was dropped, and its half is left to the tasks that write.
    pub(crate) fn is_parked(&self) -> bool {
        self.flags.load().is_parked()
    }

    /// Reads for a reader that was dropped: answers control frames and throws messages away.
    ///
    /// A task that waits is woken when more comes. The reading half is taken out of its slot for it, so
    /// that observers are told and the transport is polled without a lock.
    pub(crate) fn drive_parked(&self) {
        self.drive_parked_as(false);
    }

    /// Reads for a reader that was dropped, without telling observers. The next awaited call does.
    pub(crate) fn drive_parked_quietly(&self) {
        self.drive_parked_as(true);
    }

    /// Reads for a reader that was dropped if a lane has no room for a message: a pong may make room.
    pub(crate) fn read_for_room(&self, lane: LaneId, message: Option<&QueuedMessage>) {
        let len = message.map_or(0, QueuedMessage::len);
        if self.is_parked() && !self.with_sender(|sender| sender.lanes().has_room(lane, len)) {
            // Observers are not told, because the caller may hold a lock.
            self.drive_parked_quietly();
        }
    }

    fn drive_parked_as(&self, quiet: bool) {
        if !self.is_parked() {
            return;
        }
        let mut next = self.slot.take();
        while let Some(mut parked) = next {
            let Parked { engine, read } = &mut *parked;
            engine.quiet = quiet;
            // Pieces, so that messages are not put together before they are thrown away.
            engine.inbound.set_delivery(Delivery::Pieces);
            let mut link = ReadSide {
                read: read.as_mut(),
                shared: self,
            };
            let mut cx = Context::from_waker(self.socket_waker());
            while let Poll::Ready(Ok(Some(_))) = engine.poll_ready(&mut cx, &mut link) {}
            self.set_round_trip(engine.inbound.round_trip());
            if self.state() == State::Closed {
                *read = None;
            }
            if engine.is_over() {
                self.slot.clear();
                self.with_sender(|sender| sender.parked = false);
                return;
            }
            next = self.slot.put_back(parked);
        }
    }
}
