use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_proto::{
    CloseFrame, Delivery, Ending, Outbox, Outcome, SendError, Spare, State, WithOutbox,
};

use super::flushing::Target;
use super::tx::{CLOSED, CLOSING, DUE, LANES, OVER, PERMIT, Tx, UNFLUSHED};
use crate::engine::Engine;
use crate::error::Error;
use crate::fan_out::FanOut;
use crate::link::{Link, uninterrupted};
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
    /// The latest round trip of a keepalive ping, in microseconds; 0 before the first.
    round_trip: AtomicUsize,
}

pub(crate) struct Parked<T: Transport> {
    pub(crate) engine: Engine<T::Timer>,
    pub(crate) read: T::Read,
}

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
            self.shared.with_tx(|tx| tx.leave_line(number));
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
        let tx = Tx::new(outbox, io, dirty);
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
            round_trip: AtomicUsize::new(0),
        }
    }

    /// Calls `f` with the sending half and wakes whom the change concerns.
    pub(crate) fn with_tx<R>(&self, f: impl FnOnce(&mut Tx<T::Write>) -> R) -> R {
        let mut tx = lock(&self.tx);
        let result = f(&mut tx);
        let mut flags = tx.flags();
        let mut moved = false;
        if tx.lanes.is_some() {
            (flags, moved) = tx.settle_lanes(flags);
        }
        let before = self.flags.swap(flags, Ordering::AcqRel);
        drop(tx);
        if (before ^ flags) & (CLOSING | CLOSED) != 0 {
            // The reader has a deadline to arm, or an end to tell.
            self.wake_reader();
            self.waiting.wake_all();
        } else if flags & !before & DUE != 0 {
            // Somebody has to write, and the reader can.
            self.wake_reader();
            self.waiting.wake_all();
        } else if moved || before & !flags & (UNFLUSHED | OVER) != 0 {
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

    /// To be asked before a poll that may end in [`wait`](Shared::wait).
    pub(super) fn ticket(&self) -> usize {
        self.waiting.ticket()
    }

    /// Has `waker` woken when the socket takes bytes, when there is room, and at the end.
    pub(super) fn wait(&self, ticket: usize, waker: &Waker) {
        self.waiting.wait(ticket, waker);
    }

    /// The waker that the transport is to be polled with.
    pub(super) fn waker(&self) -> &Waker {
        &self.waiting_waker
    }

    /// Whether something waits for the socket, encoded or not.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.flags.load(Ordering::Acquire) & (UNFLUSHED | LANES) != 0
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => lock(&self.parked)
                .as_ref()
                .and_then(|parked| parked.engine.inbound.round_trip()),
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
        if !self.is_unwritten() {
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
            if let Some(lanes) = &mut tx.lanes {
                lanes.line_entered();
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
        lock(&self.tx).flush_target()
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
    pub(super) fn drive_parked(&self) {
        let mut parked = lock(&self.parked);
        let Some(Parked { engine, read }) = parked.as_mut() else {
            return;
        };
        // What is thrown away is not put together first.
        engine.inbound.set_delivery(Delivery::Pieces);
        let mut link = ReadSide { read, shared: self };
        let mut cx = Context::from_waker(&self.waiting_waker);
        while let Poll::Ready(Ok(Some(_))) = engine.poll_ready(&mut cx, &mut link) {}
        self.set_round_trip(engine.inbound.round_trip());
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

    fn close(&mut self, close: CloseFrame) {
        let _ = self.shared.with_tx(|tx| tx.close(close));
    }
}
