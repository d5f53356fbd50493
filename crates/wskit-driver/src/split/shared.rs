use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_proto::{
    Delivery, Ending, Outbox, Outcome, Outgoing, SendError, Spare, State, WithOutbox,
};

use super::flushing::Target;
use crate::engine::Engine;
use crate::error::Error;
use crate::fan_out::FanOut;
use crate::link::{Link, poll_write_out, uninterrupted};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, lock};
use crate::transport::{PollRead, PollWrite, Transport};

/// What the halves share: the sending half and the transport's, behind a lock that is never held
/// across a wait, and flags that say without it whether there is a reason to take it.
pub(crate) struct Shared<T: Transport> {
    tx: Mutex<Tx<T::Write>>,
    flags: AtomicUsize,
    /// The task that waits in the reader.
    reader: Mutex<Option<Waker>>,
    /// Everybody who waits for the socket to take bytes, for room, or for the end.
    waiting: Arc<FanOut>,
    waiting_waker: Waker,
    /// The reading half, once its owner has dropped it: then whoever writes reads too.
    parked: Mutex<Option<Parked<T>>>,
    timer: Mutex<T::Timer>,
    protocol: Option<Box<str>>,
    close_timeout: Duration,
}

/// The sending half.
pub(crate) struct Tx<W> {
    pub(crate) outbox: Outbox,
    io: W,
    dirty: bool,
    /// Bytes written since the split.
    written: u64,
    /// Bytes of control frames queued since the split, which may go before data queued earlier.
    jumped: u64,
    /// Those who wait for room, in the order in which they came.
    line: VecDeque<u64>,
    next_in_line: u64,
    permits: usize,
    /// Somebody sends a message in pieces: §5.4 lets no other message go between them.
    claimed: bool,
}

pub(crate) struct Parked<T: Transport> {
    pub(crate) engine: Engine<T::Timer>,
    pub(crate) read: T::Read,
}

/// Something is queued or not flushed.
const UNFLUSHED: usize = 1;
/// The queue is over its high-water mark.
const OVER: usize = 2;
/// Not open any more.
const CLOSING: usize = 4;
/// Over.
const CLOSED: usize = 8;

/// What a permit counts for until its message is known.
const PERMIT: usize = 4 << 10;

/// A place in the line for room. Left when it is dropped.
pub(crate) struct Place<'a, T: Transport> {
    shared: &'a Shared<T>,
    number: Option<u64>,
}

impl<'a, T: Transport> Place<'a, T> {
    pub(crate) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            number: None,
        }
    }
}

impl<T: Transport> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            lock(&self.shared.tx).line.retain(|other| *other != number);
            // It may have been this one's turn.
            self.shared.waiting.wake_all();
        }
    }
}

impl<T: Transport> Shared<T> {
    pub(crate) fn new(
        outbox: Outbox,
        io: T::Write,
        dirty: bool,
        timer: T::Timer,
        protocol: Option<Box<str>>,
    ) -> Self {
        let waiting = Arc::new(FanOut::new());
        let close_timeout = outbox.close_deadline();
        let tx = Tx {
            outbox,
            io,
            dirty,
            written: 0,
            jumped: 0,
            line: VecDeque::new(),
            next_in_line: 0,
            permits: 0,
            claimed: false,
        };
        let flags = AtomicUsize::new(tx.flags());
        Self {
            tx: Mutex::new(tx),
            flags,
            reader: Mutex::new(None),
            waiting_waker: waiting.clone().into(),
            waiting,
            parked: Mutex::new(None),
            timer: Mutex::new(timer),
            protocol,
            close_timeout,
        }
    }

    /// Calls `f` with the sending half and wakes whom the change concerns.
    pub(crate) fn with_tx<R>(&self, f: impl FnOnce(&mut Tx<T::Write>) -> R) -> R {
        let mut tx = lock(&self.tx);
        let result = f(&mut tx);
        let flags = tx.flags();
        let before = self.flags.swap(flags, Ordering::AcqRel);
        drop(tx);
        if (before ^ flags) & (CLOSING | CLOSED) != 0 {
            // The reader has a deadline to arm, or an end to tell.
            self.wake_reader();
            self.waiting.wake_all();
        } else if before & !flags & (UNFLUSHED | OVER) != 0 {
            self.waiting.wake_all();
        }
        result
    }

    pub(crate) fn state(&self) -> State {
        match self.flags.load(Ordering::Acquire) & (CLOSING | CLOSED) {
            0 => State::Open,
            CLOSING => State::Closing,
            _ => State::Closed,
        }
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        lock(&self.tx).outbox.outcome()
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

    pub(crate) fn wake_waiting(&self) {
        self.waiting.wake_all();
    }

    pub(crate) fn wait_as_reader(&self, waker: &Waker) {
        let mut reader = lock(&self.reader);
        match reader.as_ref() {
            Some(known) if known.will_wake(waker) => {}
            _ => *reader = Some(waker.clone()),
        }
    }

    pub(crate) fn wake_reader(&self) {
        let waker = lock(&self.reader).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Leaves the reading half to those who write.
    pub(crate) fn park(&self, parked: Parked<T>) {
        *lock(&self.parked) = Some(parked);
        self.waiting.wake_all();
    }

    /// Writes all that is queued; whoever is woken for it does so for everybody.
    pub(crate) fn poll_write_out(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flags.load(Ordering::Acquire) & UNFLUSHED == 0 {
            return Poll::Ready(Ok(()));
        }
        let ticket = self.waiting.ticket();
        let polled = self.with_tx(|tx| tx.poll_write_out(&self.waiting_waker));
        if polled.is_pending() {
            self.waiting.wait(ticket, cx.waker());
        }
        polled
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ticket = self.waiting.ticket();
        let polled = self.with_tx(|tx| {
            let mut cx = Context::from_waker(&self.waiting_waker);
            uninterrupted(|| tx.io.poll_shutdown(&mut cx))
        });
        if polled.is_pending() {
            self.waiting.wait(ticket, cx.waker());
        }
        polled
    }

    /// Calls `enter` once there is room and it is this one's turn.
    pub(crate) fn poll_enter<R>(
        &self,
        cx: &mut Context<'_>,
        place: &mut Place<'_, T>,
        mut enter: impl FnMut(&mut Tx<T::Write>) -> Result<R, SendError>,
    ) -> Poll<Result<R, Error>> {
        let ticket = self.waiting.ticket();
        let mut others_wait = false;
        let polled = self.with_tx(|tx| {
            others_wait = !tx.line.is_empty();
            if tx.outbox.state() != State::Open {
                return Poll::Ready(Err(SendError::Closed.into()));
            }
            if !tx.may_enter(place.number) {
                // Room can be made here; a turn has to be waited for.
                if let Poll::Ready(Err(error)) = tx.poll_write_out(&self.waiting_waker) {
                    tx.outbox.transport_failed(error.kind());
                    return Poll::Ready(Err(error.into()));
                }
            }
            if !tx.may_enter(place.number) {
                if place.number.is_none() {
                    place.number = Some(tx.next_in_line);
                    tx.line.push_back(tx.next_in_line);
                    tx.next_in_line += 1;
                }
                return Poll::Pending;
            }
            if place.number.take().is_some() {
                tx.line.pop_front();
                others_wait = !tx.line.is_empty();
            }
            Poll::Ready(enter(tx).map_err(Error::from))
        });
        match polled {
            Poll::Pending => {
                self.drive_parked();
                self.waiting.wait(ticket, cx.waker());
            }
            // Whoever is next may have room too.
            Poll::Ready(_) if others_wait => self.waiting.wake_all(),
            Poll::Ready(_) => {}
        }
        polled
    }

    /// Ready once there is room, whoever else waits for it: to somebody without a claim while nobody
    /// has one; to the one who has it once the permits from before are used up.
    pub(crate) fn poll_room(
        &self,
        cx: &mut Context<'_>,
        has_claim: bool,
    ) -> Poll<Result<(), Error>> {
        let ticket = self.waiting.ticket();
        let polled = self.with_tx(|tx| {
            if !tx.outbox.has_room(tx.permits * PERMIT) {
                if let Poll::Ready(Err(error)) = tx.poll_write_out(&self.waiting_waker) {
                    tx.outbox.transport_failed(error.kind());
                    return Poll::Ready(Err(error.into()));
                }
            }
            if tx.outbox.state() != State::Open {
                return Poll::Ready(Err(SendError::Closed.into()));
            }
            let its_turn = tx.claimed == has_claim && !(has_claim && tx.permits > 0);
            if its_turn && tx.outbox.has_room(tx.permits * PERMIT) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        });
        if polled.is_pending() {
            self.drive_parked();
            self.waiting.wait(ticket, cx.waker());
        }
        polled
    }

    /// How many bytes must have been written for everything queued now to be out.
    pub(crate) fn flush_target(&self) -> Target {
        let tx = lock(&self.tx);
        Target {
            written: tx.written + tx.outbox.queued() as u64,
            jumped: tx.jumped,
        }
    }

    pub(crate) fn poll_flush(
        &self,
        cx: &mut Context<'_>,
        target: Target,
    ) -> Poll<Result<(), Error>> {
        let ticket = self.waiting.ticket();
        let polled = self.with_tx(|tx| {
            if tx.has_written(target) && !tx.dirty {
                return Poll::Ready(Ok(()));
            }
            if tx.outbox.state() == State::Closed {
                return Poll::Ready(Err(SendError::Closed.into()));
            }
            let mut polled = tx.poll_write_out(&self.waiting_waker);
            if polled.is_pending() && tx.has_written(target) {
                // Others keep the queue full, and it may never be empty.
                polled = uninterrupted(|| {
                    tx.io
                        .poll_flush(&mut Context::from_waker(&self.waiting_waker))
                });
            }
            match polled {
                // Once our Close is out there is nothing left to be sent.
                Poll::Ready(Err(error)) if tx.outbox.write_failed(error.kind()) => {
                    Poll::Ready(Err(error.into()))
                }
                Poll::Ready(_) => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
            }
        });
        self.drive_parked();
        if polled.is_pending() {
            self.waiting.wait(ticket, cx.waker());
        }
        polled
    }

    /// Ready when the connection is over. Writes, shuts down and, if the reader is gone, reads.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let ticket = self.waiting.ticket();
        self.drive_parked();
        match self.poll_write_out(cx) {
            Poll::Ready(Err(error)) => {
                self.with_tx(|tx| tx.outbox.write_failed(error.kind()));
            }
            Poll::Ready(Ok(()))
                if self.with_tx(|tx| tx.outbox.ending()) == Ending::ShutDown
                    && self.poll_shutdown(cx).is_ready() =>
            {
                self.with_tx(|tx| tx.outbox.transport_shut_down());
            }
            _ => {}
        }
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        self.waiting.wait(ticket, cx.waker());
        Poll::Pending
    }

    /// With the reader gone, control frames are still answered and messages thrown away, by whoever
    /// calls; everybody who waits is woken when more comes.
    fn drive_parked(&self) {
        let mut parked = lock(&self.parked);
        let Some(Parked { engine, read }) = parked.as_mut() else {
            return;
        };
        // What is thrown away is not put together first.
        engine.inbound.set_delivery(Delivery::Pieces);
        let mut link = ReadSide { read, shared: self };
        let mut cx = Context::from_waker(&self.waiting_waker);
        while let Poll::Ready(Ok(Some(_))) = engine.poll_ready(&mut cx, &mut link) {}
    }
}

impl<W: PollWrite> Tx<W> {
    fn flags(&self) -> usize {
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

    fn may_enter(&self, number: Option<u64>) -> bool {
        let its_turn = self.line.is_empty() || self.line.front().copied() == number;
        its_turn && !self.claimed && self.outbox.has_room(self.permits * PERMIT)
    }

    fn has_written(&self, target: Target) -> bool {
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

    fn poll_write_out(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let before = self.outbox.queued();
        let mut cx = Context::from_waker(waker);
        let polled = poll_write_out(&mut self.io, &mut self.outbox, &mut self.dirty, &mut cx);
        self.written += (before - self.outbox.queued()) as u64;
        polled
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

/// The reader's hold on a connection: its half of the transport, and the lock for the rest.
pub(crate) struct ReadSide<'a, T: Transport> {
    pub(crate) read: &'a mut T::Read,
    pub(crate) shared: &'a Shared<T>,
}

impl<T: Transport> WithOutbox for ReadSide<'_, T> {
    fn with_outbox<R>(&mut self, f: impl FnOnce(&mut Outbox) -> R) -> R {
        self.shared.with_tx(|tx| tx.control(f))
    }
}

impl<T: Transport> PollRead for ReadSide<'_, T> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read.poll_read(cx, buf)
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.read.poll_read_large(cx, spare)
    }
}

impl<T: Transport> Link for ReadSide<'_, T> {
    fn state(&self) -> State {
        self.shared.state()
    }

    fn ending(&mut self) -> Ending {
        match self.shared.state() {
            State::Open => Ending::NotYet,
            _ => self.with_outbox(|outbox| outbox.ending()),
        }
    }

    fn is_over_high_water(&self) -> bool {
        self.shared.flags.load(Ordering::Acquire) & OVER != 0
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_write_out(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_shutdown(cx)
    }
}
