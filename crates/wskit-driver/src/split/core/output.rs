use std::io;
use std::task::{Context, Poll, Waker};

use wskit_proto::{Outbound, Outgoing, SendError, State};

use super::flags::Flags;
use super::socket_waker::SocketWaker;
use crate::link::{poll_write_fast, uninterrupted};
use crate::sync::Arc;
use crate::transport::PollWrite;

/// The encoded queue of a split connection, the permits and the lock to add to it, and the transport that it
/// is written to.
///
/// It counts bytes, so that each flush can tell when its own bytes have left.
pub(crate) struct Output<W> {
    pub(crate) outbox: Outbound,
    permits: usize,
    /// A message is being sent in pieces: RFC 6455 §5.4 lets no other message go between them.
    message_open: bool,
    /// The transport's writing half, until the connection is over.
    io: Option<W>,
    /// The transport has bytes that it may not have passed on.
    dirty: bool,
    /// The transport took nothing more when it was last polled.
    blocked: bool,
    socket: Arc<SocketWaker>,
    socket_waker: Waker,
    /// The transport has woken during a poll: its waiters are to be woken once the lock is released.
    woken: bool,
    /// Bytes written since the split.
    written: i64,
    /// How many of them the transport has passed on. It may buffer, as TLS does.
    flushed: i64,
    /// Bytes of control frames queued since the split, which may go before data queued earlier.
    jumped: i64,
}

/// How many bytes a permit counts for until its message is known.
const PERMIT: usize = 4 << 10;

/// What a flush waits for: a number of bytes of messages and Closes written since the split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlushTarget(i64);

/// Converts a number of bytes that are or were in memory.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl<W: PollWrite> Output<W> {
    pub(super) fn new(mut outbox: Outbound, io: W, dirty: bool, socket: Arc<SocketWaker>) -> Self {
        outbox.keep_spent();
        Self {
            outbox,
            permits: 0,
            message_open: false,
            io: Some(io),
            dirty,
            blocked: false,
            socket_waker: socket.clone().into(),
            socket,
            woken: false,
            written: 0,
            // The first flush also passes on what was written before the split.
            flushed: if dirty { -1 } else { 0 },
            jumped: 0,
        }
    }

    /// Whether a message may be queued, as far as room, permits and the message lock are concerned.
    pub(crate) fn has_room(&self) -> bool {
        !self.message_open && self.outbox.has_room(self.permits * PERMIT)
    }

    /// Whether the holder of the message lock may go on: outstanding permits are used first.
    pub(crate) fn has_room_in_message(&self) -> bool {
        self.permits == 0 && self.outbox.has_room(0)
    }

    /// Queues a message if there is room.
    ///
    /// It is taken out of its `Option` only if it is queued without a copy: dropping it under the lock might
    /// run code of its owner.
    pub(crate) fn feed(&mut self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError> {
        self.outbox.check()?;
        if let Some(message) = message {
            if self.outbox.feed_copied(message) {
                return Ok(());
            }
        }
        match message.take() {
            Some(message) => self.outbox.feed(message),
            None => Ok(()),
        }
    }

    /// Queues a message, however much is queued, and takes it out of its `Option` as [`feed`](Output::feed) does.
    pub(crate) fn feed_reserved(
        &mut self,
        message: &mut Option<Outgoing<'_>>,
    ) -> Result<(), SendError> {
        if let Some(message) = message {
            if self.outbox.feed_copied(message) {
                return Ok(());
            }
        }
        self.take_reserved(message)
    }

    /// Queues a message, however much is queued. It is always taken out of its `Option` if it is queued.
    pub(crate) fn take_reserved(
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

    /// Keeps all others from queueing data until [`unlock_message`](Output::unlock_message).
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

    /// Adds what the flags say of the queue and the transport.
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        flags.set(Flags::UNFLUSHED, self.is_unflushed());
        flags.set(Flags::OVER_HIGH_WATER, self.outbox.is_over_high_water());
        flags.set(Flags::MESSAGE_OPEN, self.message_open);
        flags.set(Flags::CONTENDED, self.blocked);
        flags.set_state(self.outbox.state());
    }

    /// Whether a message is being sent in pieces, or was begun before the split.
    pub(super) fn is_message_open(&self) -> bool {
        self.message_open || self.outbox.is_message_open()
    }

    /// Whether something is queued, or written and not flushed.
    pub(super) fn is_unflushed(&self) -> bool {
        !self.outbox.is_empty() || self.dirty
    }

    /// Whether something that a cancelled call has queued may be left.
    pub(super) fn has_unfinished(&self) -> bool {
        self.outbox.has_unsent() || self.dirty
    }

    /// Whether the transport took nothing more when it was last polled.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether the transport has refused a write and has woken since.
    pub(super) fn is_ready_again(&self) -> bool {
        self.blocked && self.socket.is_signalled()
    }

    /// Returns what [`is_ready_again`](Output::is_ready_again) does, ordered after the stores before
    /// it: if it is false, the waker sees them.
    pub(super) fn is_ready_again_by_now(&self) -> bool {
        self.blocked && self.socket.has_signalled_by_now()
    }

    /// Whether there is something to write that the transport may take.
    pub(super) fn can_write(&self) -> bool {
        self.is_unflushed() && (!self.blocked || self.socket.is_signalled())
    }

    /// Returns whether the transport has woken during a poll, and forgets it.
    pub(super) fn take_woken(&mut self) -> bool {
        core::mem::take(&mut self.woken)
    }

    /// Returns what has to be written for everything queued now to be out.
    pub(crate) fn flush_target(&self) -> FlushTarget {
        // Lost bytes count: the target is then never reached.
        let queued = self.outbox.queued() as u64 + self.outbox.lost();
        FlushTarget(self.written + signed(queued) - self.jumped)
    }

    /// Returns the last target whose bytes are all written.
    pub(super) fn written(&self) -> FlushTarget {
        FlushTarget(self.written - self.jumped)
    }

    /// Whether everything up to `target` has been written, and passed on by the transport.
    pub(super) fn is_flushed(&self, target: FlushTarget) -> bool {
        FlushTarget(self.flushed - self.jumped) >= target
    }

    /// Calls `f`, which may queue control frames.
    pub(crate) fn control<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        // Lost bytes are counted elsewhere.
        let queued = |outbox: &Outbound| signed(outbox.queued() as u64) + signed(outbox.lost());
        let before = queued(&self.outbox);
        let result = f(&mut self.outbox);
        // Negative if waiting pongs were dropped or replaced.
        self.jumped += queued(&self.outbox) - before;
        result
    }

    /// Writes what the transport takes of the encoded queue.
    #[inline]
    pub(super) fn poll_write(&mut self) -> Poll<io::Result<()>> {
        if self.outbox.is_empty() && !self.dirty {
            self.socket.clear_signal();
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
        let polled = poll_write_fast(io, &mut self.outbox, &mut self.dirty, &mut cx);
        self.woken |= self.socket.end();
        self.blocked = polled.is_pending();
        self.written += signed((before - self.outbox.queued()) as u64);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.flushed = self.written;
        }
        polled
    }

    /// Flushes the transport while a write waits, whose signal must not be missed.
    pub(super) fn poll_transport_flush(&mut self) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        self.socket.begin_beside();
        let mut cx = Context::from_waker(&self.socket_waker);
        let polled = uninterrupted(|| io.poll_flush(&mut cx));
        self.woken |= self.socket.end();
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.flushed = self.written;
        }
        polled
    }

    /// Shuts the transport's writing half down, once everything is written.
    pub(super) fn poll_shutdown(&mut self) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        self.socket.begin();
        let mut cx = Context::from_waker(&self.socket_waker);
        let polled = uninterrupted(|| io.poll_shutdown(&mut cx));
        self.woken |= self.socket.end();
        self.blocked = polled.is_pending();
        polled
    }

    /// Returns [`PollWrite::unacknowledged`] of the transport.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        self.io.as_ref()?.unacknowledged()
    }

    /// Returns the queue, and whether the transport is to be flushed.
    pub(super) fn into_queue(mut self) -> (Outbound, bool) {
        self.outbox.drop_spent();
        (self.outbox, self.dirty)
    }

    /// Takes the transport, unless the connection is over.
    pub(super) fn take_io(&mut self) -> Option<W> {
        self.io.take()
    }

    /// Puts back what [`take_io`](Output::take_io) has taken.
    pub(super) fn put_io_back(&mut self, io: W) {
        self.io = Some(io);
    }

    /// Returns the transport, unless the connection is over.
    pub(super) fn io(&self) -> Option<&W> {
        self.io.as_ref()
    }

    /// Takes the transport out, once the connection is over.
    pub(super) fn take_io_if_closed(&mut self) -> Option<W> {
        if self.outbox.state() != State::Closed {
            return None;
        }
        self.blocked = false;
        self.dirty = false;
        self.io.take()
    }
}
