#![allow(
    clippy::arithmetic_side_effects,
    reason = "bytes that are queued lie in memory, and no more are written than were queued"
)]

mod control;
mod feed;
mod framing;
mod outbox;
mod queue;
mod segments;

use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use wskit_frame::{CONTROL_MAX, OpCode};

use crate::closing::{Ending, State};
use crate::config::Config;
use crate::counter_handle::CounterHandle;
use crate::error::{ProtocolError, SendError};
use crate::event::CloseFrame;
use crate::keys::MaskKeys;
use crate::outcome::TimeoutKind;
use crate::outgoing::Outgoing;
use crate::prepared::PreparedMessage;

pub use outbox::Outbox;

/// The sending half of a connection as its driver holds it: an [`Outbox`], and the methods that write
/// its bytes and report how the transport fares.
///
/// A program that is lent the [`Outbox`] can call none of these:
///
/// ```compile_fail,E0599
/// fn program(outbox: &mut wskit_proto::Outbox) {
///     outbox.advance(5);
/// }
/// ```
#[derive(Debug)]
pub struct Outbound(Outbox);

impl Outbound {
    pub(crate) fn new(
        keys: Option<MaskKeys>,
        config: Arc<Config>,
        counters: CounterHandle,
    ) -> Self {
        Self(Outbox::new(keys, config, counters))
    }

    /// Returns the part of this half that a program may use.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.0
    }

    /// Queues a message that was encoded before, like [`feed`](Outbox::feed), for many of them in a row.
    ///
    /// # Errors
    /// Those of [`feed`](Outbox::feed).
    #[inline]
    pub fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.0.feed_prepared(message)
    }

    /// Queues a message for which room was reserved before, like [`feed`](Outbox::feed), however much
    /// has been queued since.
    ///
    /// # Errors
    /// [`SendError::Closed`] and [`SendError::MessageOpen`].
    pub fn feed_reserved<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        match self.check_data() {
            Ok(()) | Err(SendError::QueueFull) => {
                self.push_message(message.into());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Queues frames that the caller has encoded, behind everything queued before. Nothing about them is
    /// checked, changed or masked: they must be whole frames, each beginning where the one before ends.
    ///
    /// # Errors
    /// [`SendError::Closed`] after a Close, and [`SendError::QueueFull`] as for [`feed`](Outbox::feed).
    pub fn feed_frames(&mut self, frames: Bytes) -> Result<(), SendError> {
        match self.0.check_data() {
            Ok(()) | Err(SendError::MessageOpen) => {
                self.0.counters.sent_frame();
                self.0.queue.push_frames(frames);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Queues a ping that leaves after all data queued before it, where other pings go before the data
    /// that waits. Its pong says that the peer has read that data. A payload of more than 125 bytes, and
    /// a connection that is closing, queue nothing.
    pub fn ping_in_order(&mut self, payload: &[u8]) {
        if self.0.closing.is_none() && payload.len() <= CONTROL_MAX {
            self.0.counters.sent_frame();
            let mask = self.next_key();
            let queue = &mut self.0.queue;
            queue.push_copy(true, false, OpCode::Ping, mask, payload);
        }
    }

    /// Fills `out` with the bytes to write next, as slices for one vectored write, and returns how many
    /// slices were filled. Nothing is taken off the queue.
    pub fn chunks<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let Some(control) = self.0.control.as_ref().filter(|control| control.len() > 0) else {
            if let (Some(only), Some(to)) = (self.0.queue.only(), out.first_mut()) {
                *to = IoSlice::new(only);
                return usize::from(!only.is_empty());
            }
            return self.0.queue.fill(0, usize::MAX, out).0;
        };
        // The frame that is partly on the wire is finished first.
        let rest = if control.is_begun() {
            0
        } else {
            self.0.queue.rest_of_frame()
        };
        let (mut used, filled) = self.0.queue.fill(0, rest, out);
        if filled < rest {
            return used;
        }
        if let Some(to) = out.get_mut(used) {
            *to = IoSlice::new(control.pending());
            used += 1;
        }
        used + self
            .queue
            .fill(rest, usize::MAX, out.get_mut(used..).unwrap_or_default())
            .0
    }

    /// Returns the first slice of [`chunks`](Outbound::chunks), for a transport that writes one at a time.
    pub fn chunk(&self) -> &[u8] {
        let mut one = [IoSlice::new(&[])];
        if self.chunks(&mut one) == 0 {
            return &[];
        }
        let [one] = one;
        // `IoSlice` gives its slice only for its own lifetime; find it again in ours.
        self.slice_of(one.len())
    }

    /// Returns all queued bytes if they lie in one slice.
    #[inline]
    pub fn only_chunk(&self) -> Option<&[u8]> {
        if self.0.control.is_none() {
            self.0.queue.only()
        } else {
            None
        }
    }

    fn slice_of(&self, len: usize) -> &[u8] {
        let control = self.0.control.as_ref().filter(|control| control.len() > 0);
        let rest = self.0.queue.rest_of_frame();
        match control {
            Some(control) if control.is_begun() || rest == 0 => control.pending(),
            _ => self
                .queue
                .slices()
                .find(|slice| !slice.is_empty())
                .and_then(|slice| slice.get(..len))
                .unwrap_or_default(),
        }
    }

    /// Reports that `n` bytes of [`chunks`](Outbound::chunks) have been written.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        // A write that is taken at once proves only that there was room in a buffer of this machine; one
        // that had to wait proves that the peer has made room.
        self.0.progressed |= self.0.blocked && n > 0;
        self.0.taken = self.0.taken.wrapping_add(n as u64);
        self.0.counters.sent_bytes(n);
        if self.0.control.is_none() {
            self.0.queue.advance(n);
        } else {
            self.advance_control(n);
        }
    }

    /// Reports that `n` bytes of [`only_chunk`](Outbound::only_chunk), which had some, have been written, if that
    /// is all of them. Otherwise it returns `false`, and [`advance`](Outbound::advance) is to be called.
    #[inline(always)]
    pub fn advance_all(&mut self, n: usize) -> bool {
        if n != self.0.queue.queued() {
            return false;
        }
        self.0.progressed |= self.0.blocked;
        self.0.taken = self.0.taken.wrapping_add(n as u64);
        self.0.counters.sent_bytes(n);
        self.0.queue.clear();
        true
    }

    #[cold]
    fn advance_control(&mut self, n: usize) {
        let Some(control) = self.0.control.as_mut() else {
            return;
        };
        let before = if control.is_begun() {
            0
        } else {
            self.0.queue.rest_of_frame().min(n)
        };
        let within = (n - before).min(control.len());
        control.advance(within);
        if control.len() == 0 {
            *self.0.control = None;
        }
        let data = n - within;
        if data > 0 {
            self.0.queue.advance(data);
        }
    }

    /// Takes all queued bytes as one buffer, as if they had been written.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::with_capacity(self.queued());
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return output;
            }
            output.extend_from_slice(chunk);
            let n = chunk.len();
            self.advance(n);
        }
    }

    /// Reports whether the transport refused the last write. While it does, only the latest ping is
    /// answered, and queued bytes move to a buffer of their size.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.0.blocked = blocked;
        self.0.counters.queued(self.queued());
        if blocked {
            self.0.queue.park();
        }
    }

    /// Returns whether messages, or parts of messages, are queued. Pings and pongs do not count.
    pub fn has_unsent(&self) -> bool {
        self.0.queue.queued() > 0
    }

    /// Returns whether more than the high-water mark was queued beyond the first `baseline` bytes.
    pub fn is_over_high_water_beyond(&self, baseline: usize) -> bool {
        self.0.queue.queued().saturating_sub(baseline) >= self.0.mark as usize
    }

    /// Returns whether one more message may be queued, while `reserved` bytes are promised to others.
    pub fn has_room(&self, reserved: usize) -> bool {
        self.0.queue.queued().saturating_add(reserved) < self.0.mark as usize
    }

    /// Returns whether 4 KiB of pings and pongs wait, so that a write should be tried before more is read.
    pub fn is_control_full(&self) -> bool {
        self.0.is_control_full()
    }

    /// Queues a small message that owns its payload by copying it, and returns whether it did. The caller then drops
    /// the message, where it may. Feed it if this is false: it is large, borrowed or not to be queued now.
    pub fn feed_copied(&mut self, message: &Outgoing<'_>) -> bool {
        self.0.feed_copied(message)
    }

    /// Keeps shared payloads ([`Bytes`]) that have been sent instead of dropping them, until
    /// [`take_spent`](Outbound::take_spent). For callers that hold a lock, because dropping the last
    /// reference to a payload may run code of its owner.
    pub fn keep_spent(&mut self) {
        self.0.queue.keep_spent();
    }

    /// Drops payloads that have been sent, as it does without [`keep_spent`](Outbound::keep_spent).
    pub fn drop_spent(&mut self) {
        self.0.queue.drop_spent();
    }

    /// Returns whether [`take_spent`](Outbound::take_spent) has payloads to return.
    #[inline]
    pub fn has_spent(&self) -> bool {
        self.0.queue.has_spent()
    }

    /// Takes the payloads that [`keep_spent`](Outbound::keep_spent) has kept since the last call.
    pub fn take_spent(&mut self) -> Vec<Bytes> {
        self.0.queue.take_spent()
    }

    /// Returns what is left to do to the transport (§7.1.1).
    pub fn ending(&self) -> Ending {
        let all_written = self.is_empty();
        self.0.closing.as_ref().map_or(Ending::NotYet, |closing| {
            closing.ending(self.role(), all_written)
        })
    }

    /// Reports that the write side of the transport has been shut down.
    pub fn transport_shut_down(&mut self) {
        self.0.set_fast(false);
        self.0.closing.get_or_insert_default().shut_down();
    }

    /// Reports that a write failed: nothing more can be sent, and queued bytes are dropped. Bytes that
    /// the peer had sent before, its Close included, may still be there to be read. The connection is over
    /// with the peer's Close, the end of its stream, a failed read or the close deadline.
    ///
    /// Returns whether anything is lost by this. Once our Close has been written, only answers to pings
    /// are, and the ending may still be clean (§7.1.4).
    pub fn write_failed(&mut self, kind: io::ErrorKind) -> bool {
        let close_is_out = self.is_close_out();
        if close_is_out {
            *self.0.control = None;
        } else {
            self.0.set_fast(false);
            self.0.closing.get_or_insert_default().write_failed(kind);
            self.drop_queue();
        }
        !close_is_out
    }

    /// Returns whether a write has failed and the write side of the transport is still to be shut down,
    /// while reading goes on: this tells the peer that nothing more comes.
    pub fn owes_shutdown(&self) -> bool {
        self.0
            .closing
            .as_ref()
            .is_some_and(|closing| closing.owes_shutdown())
    }

    /// Returns whether our Close has been written and the connection is not over.
    pub fn is_close_out(&self) -> bool {
        self.0.queue.queued() == 0
            && self
                .closing
                .as_ref()
                .is_some_and(|closing| closing.is_sent() && !closing.is_over())
    }

    /// Reports that the transport failed: nothing more can be sent or received.
    pub fn transport_failed(&mut self, kind: io::ErrorKind) {
        self.0.set_fast(false);
        let all_written = self.is_empty();
        self.0
            .closing
            .get_or_insert_default()
            .transport_failed(kind, all_written);
        self.drop_queue();
    }

    /// Returns whether a write has failed, so that nothing more can be sent.
    pub fn has_write_failed(&self) -> bool {
        self.0
            .closing
            .as_ref()
            .is_some_and(|closing| closing.has_write_failed())
    }

    /// Returns how many bytes that were queued will never be sent, because the connection failed.
    pub fn lost(&self) -> u64 {
        self.0.closing.as_ref().map_or(0, |closing| closing.lost)
    }

    pub(crate) fn failed_mid_message(&mut self, kind: io::ErrorKind, mid_message: bool) {
        self.transport_failed(kind);
        if let Some(closing) = &mut *self.0.closing {
            closing.cut(mid_message);
        }
    }

    pub(crate) fn end_of_stream(&mut self, mid_message: bool) {
        self.0.set_fast(false);
        self.0
            .closing
            .get_or_insert_default()
            .end_of_stream(mid_message);
        if self.state() == State::Closed {
            self.drop_queue();
        }
    }

    /// Gives the connection up because the peer ran out of time.
    pub fn time_out(&mut self, kind: TimeoutKind) {
        self.0.set_fast(false);
        let all_written = self.is_empty();
        self.0
            .closing
            .get_or_insert_default()
            .time_out(kind, all_written);
        self.drop_queue();
    }

    /// Answers the peer's Close with the same code (§5.5.1). The reason goes back too, as Node's and
    /// Python's implementations do it.
    pub(crate) fn answer_close(&mut self, close: Option<CloseFrame>, mid_message: bool) {
        let echo = close.clone();
        self.0.set_fast(false);
        self.0.streamed = None;
        self.0
            .closing
            .get_or_insert_default()
            .receive(close, mid_message);
        // Pongs still owed need not be sent any more.
        if self
            .control
            .as_ref()
            .is_some_and(|control| !control.is_begun())
        {
            *self.0.control = None;
        }
        self.push_close(echo);
    }

    /// Fails the connection with a Close that says why (§7.1.7).
    pub(crate) fn fail(&mut self, error: &ProtocolError) {
        self.0.closing.get_or_insert_default().fail(error.clone());
        self.push_close(Some(CloseFrame::new(error.close_code(), "")));
    }

    /// Queues a ping of the keepalive, unless 4 KiB of pings and pongs wait: whether the peer takes those
    /// is evidence enough.
    pub(crate) fn keepalive_ping(&mut self, payload: &[u8]) {
        if self.0.closing.is_none() && !self.is_control_full() {
            self.0.counters.sent_frame();
            let mask = self.next_key();
            self.0.control.get_or_insert_default().ping(mask, payload);
        }
    }

    /// Returns how many bytes the peer's host has acknowledged in all, given how many it has not.
    pub(crate) fn acknowledged(&self, unacknowledged: Option<usize>) -> Option<u64> {
        self.0.taken.checked_sub(unacknowledged? as u64)
    }

    /// Returns the settings of the connection.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    /// Returns how long the closing handshake may take (`Config::close_timeout`).
    pub fn close_timeout(&self) -> Duration {
        self.0.config.close_timeout
    }
}

impl Deref for Outbound {
    type Target = Outbox;
    fn deref(&self) -> &Outbox {
        &self.0
    }
}

impl DerefMut for Outbound {
    fn deref_mut(&mut self) -> &mut Outbox {
        &mut self.0
    }
}
