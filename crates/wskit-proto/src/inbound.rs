#![allow(
    clippy::arithmetic_side_effects,
    reason = "a range of the slab, whose end is not before its start"
)]

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::closing::State;
use crate::config::{Config, Limits};
use crate::error::{ProtocolError, SendError};
use crate::event::{CloseFrame, Event, Piece};
use crate::message::MessageRef;
use crate::outbox::{IDLE, Outbound};
use crate::outcome::TimeoutKind;
use crate::receiver::{Delivery, ReadBuf, Receiver, Span};
use crate::role::Role;
use crate::tally::Tally;
use crate::timers::{Due, Timers};

/// The receiving half of a connection, with its timers: bytes in, events out.
///
/// It touches the sending half only when it owes a reply, through [`WithOutbound`]: where the halves
/// are used from two tasks, that is the moment to take the lock.
pub struct Inbound {
    rx: Receiver,
    delivery: Delivery,
    /// A message was delivered since this was last cleared.
    active: bool,
    timers: Timers,
    /// When the last ping left, this many bytes had been acknowledged in all,
    acknowledged: u64,
    /// and these were not yet; 0 if the transport could not tell.
    unacknowledged: u32,
}

/// Access to the sending half: directly, or through a lock that is held for the call.
pub trait WithOutbound {
    /// Calls `f` with the sending half.
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R;

    /// Starts the closing handshake, after everything that waits to be sent.
    ///
    /// # Errors
    /// As [`Outbox::close`](crate::Outbox::close).
    fn close(&mut self, close: CloseFrame) -> Result<(), SendError> {
        self.with_outbound(|outbound| outbound.outbox().close(Some(close)))
    }

    /// Whether messages wait to be sent, encoded or not.
    fn waits_to_send(&mut self) -> bool {
        self.with_outbound(|outbox| outbox.has_unsent())
    }
}

/// What a driver knows when a deadline is judged, beyond the bytes that came and went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Nothing is read at the moment because a message waits to be received: an answer to a ping could
    /// not be seen.
    pub reading_suspended: bool,
    /// Bytes that the transport has taken and the peer's host has not acknowledged, if the transport
    /// can tell (TCP on Linux can).
    pub unacknowledged: Option<usize>,
}

impl WithOutbound for Outbound {
    #[inline]
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        f(self)
    }
}

impl Inbound {
    pub(crate) fn new(role: Role, config: Arc<Config>, tally: Tally, now: Instant) -> Self {
        Self {
            timers: Timers::new(&config, now),
            rx: Receiver::new(role, config, tally),
            delivery: Delivery::Whole,
            active: false,
            acknowledged: 0,
            unacknowledged: 0,
        }
    }

    /// The next event that the bytes read so far hold; `None` when more are needed, or when the
    /// connection reads no more.
    ///
    /// Replies (pong, close echo, the Close that reports an error) are queued in `outbox` on the
    /// way. `clock` is asked only when a keepalive pong has come.
    ///
    /// # Errors
    /// The peer broke a rule: told once, a Close is queued, and from then on there is nothing.
    #[inline]
    pub fn next<O: WithOutbound>(
        &mut self,
        outbox: &mut O,
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        if self.rx.has_no_input() {
            return Ok(None);
        }
        match self.next_message() {
            Some(ready) => Ok(Some(ready)),
            None => self.next_any(outbox, clock),
        }
    }

    /// The next message if it is of the commonest kind, as [`next_message`](Inbound::next_message),
    /// for whoever wants [whole](Delivery::Whole) messages and has said so before.
    #[inline(always)]
    pub fn next_plain(&mut self) -> Option<Span> {
        let item = self.rx.hot()?;
        self.rx.tally.received_plain((item.to - item.from) as usize);
        self.active = true;
        Some(item)
    }

    /// Whether nothing that was read waits to be looked at, so that there is no need to ask for events.
    #[inline]
    #[must_use]
    pub fn has_no_input(&self) -> bool {
        self.rx.has_no_input()
    }

    /// Takes how much has been decompressed since this was last called, in bytes: what compressed
    /// messages have unpacked to, thrown away or not. Each counts for at least 128, and one more for
    /// every 32 bytes of earlier messages that it may refer to, which is about the time that a small
    /// one takes. 0 where nothing is compressed.
    ///
    /// A few bytes of the wire can become a thousand times as many: whoever shares a thread between
    /// connections limits what one does in a row by this, beside the bytes read.
    #[inline]
    pub fn take_inflated(&mut self) -> usize {
        core::mem::take(&mut self.rx.inflated)
    }

    /// Lends the message that [`next_plain`](Inbound::next_plain) has just answered; as
    /// [`message`](Inbound::message), but without the right to take a buffer along.
    #[inline]
    pub fn plain(&self, item: Span) -> MessageRef<'_> {
        self.rx.plain(item)
    }

    /// The next event if it is of the commonest kind, a whole plain message in the read buffer;
    /// `None` says nothing about others. Never needs the outbox.
    #[inline]
    pub fn next_message(&mut self) -> Option<Event<Span, Span>> {
        let item = self.rx.hot()?;
        self.rx.tally.received_plain((item.to - item.from) as usize);
        self.active = true;
        Some(match self.delivery {
            Delivery::Whole => Event::Message(item),
            Delivery::Pieces => Event::Piece(item),
        })
    }

    fn next_any<O: WithOutbound>(
        &mut self,
        outbox: &mut O,
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        loop {
            let step = self
                .rx
                .step()
                .inspect_err(|error| outbox.with_outbound(|outbox| outbox.fail(error)))?;
            return Ok(Some(match step {
                None => return Ok(None),
                Some(Event::Message(item)) => {
                    self.rx.tally.received_message(self.rx.bytes(item).len());
                    self.active = true;
                    Event::Message(item)
                }
                Some(Event::Piece(item)) => {
                    let len = self.rx.bytes(item).len();
                    if item.last {
                        self.rx.tally.received_message(len);
                    } else {
                        self.rx.tally.received_part(len);
                    }
                    self.active = true;
                    Event::Piece(item)
                }
                Some(Event::Ping(payload)) => {
                    if self.rx.config().auto_pong {
                        outbox.with_outbound(|outbox| outbox.answer_ping(&payload));
                    }
                    Event::Ping(payload)
                }
                Some(Event::Pong(payload)) => {
                    if self.timers.pong(&payload, &clock) {
                        #[cfg(feature = "metrics")]
                        self.rx.tally.round_trip(self.timers.round_trip());
                        continue;
                    }
                    Event::Pong(payload)
                }
                Some(Event::Close(close)) => {
                    let inside = self.rx.closed_inside;
                    outbox.with_outbound(|outbox| outbox.answer_close(close.clone(), inside));
                    Event::Close(close)
                }
            }));
        }
    }

    /// Lends a message: the one handed out last, until bytes are read or parsed. A token that was kept
    /// longer stands for bytes that are gone: a text, or a message that had a buffer of its own, is
    /// empty then, and other binary data is whatever lies there now.
    #[inline]
    pub fn message(&mut self, item: Span) -> MessageRef<'_> {
        self.rx.message(item)
    }

    /// Lends a piece: the one handed out last, until bytes are read or parsed. What a token shows that
    /// was kept longer is whatever lies there now.
    pub fn piece(&self, item: Span) -> Piece<'_> {
        Piece {
            kind: item.kind,
            first: item.first,
            last: item.last,
            data: self.rx.bytes(item),
        }
    }

    /// How messages that begin from now on are handed out.
    #[inline]
    pub fn set_delivery(&mut self, delivery: Delivery) {
        if self.delivery != delivery {
            self.delivery = delivery;
            self.rx.delivery = delivery;
            if delivery == Delivery::Whole {
                self.rx.want_whole();
            }
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.rx.config().limits
    }

    /// Changes the limits, for this connection and from the next frame on: more for a peer that has
    /// proved who it is, or none where messages are taken in pieces and none is put together.
    pub fn set_limits(&mut self, limits: Limits) {
        self.rx.set_limits(limits);
    }

    /// How messages that begin now are handed out.
    #[inline]
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Where the next read goes; never empty. A buffer is taken from this thread's pool if none is
    /// held. Call only after [`next`](Inbound::next) has answered `None`.
    #[inline]
    pub fn read_buf(&mut self) -> ReadBuf<'_> {
        self.rx.read_buf()
    }

    /// Takes received bytes by copying; says how many were taken. Fewer than given means: take the
    /// events first, then give the rest.
    #[must_use]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        match self.rx.read_buf() {
            ReadBuf::Slab(slab) => {
                let n = bytes.len().min(slab.len());
                if let (Some(to), Some(from)) = (slab.get_mut(..n), bytes.get(..n)) {
                    to.copy_from_slice(from);
                }
                self.rx.filled(n);
                n
            }
            ReadBuf::Large(mut spare) => {
                let n = spare.copy_from(bytes);
                self.rx.filled_large(n);
                n
            }
        }
    }

    /// Says that `n` bytes were read into [`ReadBuf::Slab`].
    #[inline]
    pub fn filled(&mut self, n: usize) {
        self.rx.filled(n);
    }

    /// Says that `n` bytes were read into [`ReadBuf::Large`].
    pub fn filled_large(&mut self, n: usize) {
        self.rx.filled_large(n);
    }

    /// Gives the read buffer back: there is nothing more to read for now.
    #[inline]
    pub fn release(&mut self) {
        self.rx.release();
    }

    /// Says that the peer's stream has ended.
    pub fn receive_eof<O: WithOutbound>(&mut self, outbox: &mut O) {
        let mid_message = self.rx.is_mid_message();
        self.rx.end();
        outbox.with_outbound(|outbox| outbox.end_of_stream(mid_message));
    }

    /// Says that a read failed: nothing more can be received or sent.
    pub fn transport_failed<O: WithOutbound>(&mut self, outbox: &mut O, kind: io::ErrorKind) {
        let mid_message = self.rx.is_mid_message();
        self.stop();
        outbox.with_outbound(|outbox| outbox.failed_mid_message(kind, mid_message));
    }

    /// Reads no more: the connection is over.
    pub fn stop(&mut self) {
        self.rx.end();
        self.timers.stop();
    }

    /// Whether an end of stream now would cut a message.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.rx.is_mid_message()
    }

    /// When [`handle_timeout`](Inbound::handle_timeout) is due. `state` is the outbox's: from the
    /// first Close on, the close deadline counts and `clock` is asked once.
    #[inline]
    pub fn next_timeout(
        &mut self,
        state: State,
        clock: impl FnOnce() -> Instant,
    ) -> Option<Instant> {
        match state {
            State::Open => {}
            State::Closing => self.timers.start_closing(self.rx.config(), clock),
            State::Closed => self.timers.stop(),
        }
        self.timers.next()
    }

    /// Does what is due by `now`: queues a keepalive ping, closes an idle connection, or gives the
    /// connection up. Call it after a read has come back empty, or after much has been read at once:
    /// otherwise a handler that was busy for a minute would make a healthy peer look dead.
    ///
    /// # Errors
    /// The peer ran out of time; the connection is over. (Not when both Closes were through and only
    /// the transport was slow to end: that is a clean ending.)
    pub fn handle_timeout<O: WithOutbound>(
        &mut self,
        outbox: &mut O,
        now: Instant,
    ) -> Result<(), TimeoutKind> {
        self.handle_timeout_in(outbox, now, Circumstances::default())
    }

    /// Does what is due by `now`, as [`handle_timeout`](Inbound::handle_timeout), with what else the
    /// driver knows.
    ///
    /// # Errors
    /// As [`handle_timeout`](Inbound::handle_timeout).
    pub fn handle_timeout_in<O: WithOutbound>(
        &mut self,
        outbox: &mut O,
        now: Instant,
        circumstances: Circumstances,
    ) -> Result<(), TimeoutKind> {
        while let Some(due) = self.timers.due(now, self.rx.config()) {
            match due {
                Due::Close => return self.give_up(outbox, TimeoutKind::Close),
                Due::Ping(payload) => {
                    self.rx.heard = false;
                    let acknowledged = outbox.with_outbound(|outbox| {
                        outbox.progressed = false;
                        outbox.keepalive_ping(&payload);
                        outbox.acknowledged(circumstances.unacknowledged)
                    });
                    let waiting = acknowledged.and(circumstances.unacknowledged).unwrap_or(0);
                    self.acknowledged = acknowledged.unwrap_or(0);
                    self.unacknowledged = u32::try_from(waiting).unwrap_or(u32::MAX);
                }
                Due::Answer => {
                    let heard = core::mem::take(&mut self.rx.heard);
                    let (progressed, acknowledged, blocked) = outbox.with_outbound(|outbox| {
                        let progressed = core::mem::take(&mut outbox.progressed);
                        let acknowledged = outbox.acknowledged(circumstances.unacknowledged);
                        (progressed, acknowledged, outbox.is_blocked())
                    });
                    // Data from before the ping is still on its way, and its way goes on.
                    let acknowledges = self.unacknowledged > 0
                        && acknowledged.is_some_and(|now| now > self.acknowledged);
                    if heard || progressed || acknowledges {
                        continue;
                    }
                    if !circumstances.reading_suspended {
                        return self.give_up(outbox, TimeoutKind::Keepalive);
                    }
                    if blocked {
                        return self.give_up(outbox, TimeoutKind::Stalled);
                    }
                    self.timers.postpone_answer(now, self.rx.config());
                }
                Due::Idle => {
                    let received = core::mem::take(&mut self.active);
                    let sent = outbox.with_outbound(|outbox| core::mem::take(&mut outbox.active));
                    let active = received || sent || outbox.waits_to_send();
                    if self.timers.is_idle(active, now, self.rx.config()) {
                        // Neither the code nor the reason can be refused.
                        let _ = outbox.close(CloseFrame::new(IDLE, "idle"));
                    }
                }
            }
        }
        Ok(())
    }

    fn give_up<O: WithOutbound>(
        &mut self,
        outbox: &mut O,
        kind: TimeoutKind,
    ) -> Result<(), TimeoutKind> {
        self.stop();
        let clean = outbox.with_outbound(|outbox| {
            outbox.time_out(kind);
            outbox.outcome().is_some_and(|outcome| outcome.is_clean())
        });
        if clean { Ok(()) } else { Err(kind) }
    }

    /// The latest round trip of a keepalive ping; `None` before the first.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.timers.round_trip()
    }

    /// What has gone through the connection, both ways: to keep and to read whenever one likes.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn counters(&self) -> &Arc<crate::Counters> {
        self.rx.tally.counters()
    }

    /// Bytes of heap held now, a borrowed read buffer included.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.rx.buffer_bytes()
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn receiver(&mut self) -> &mut Receiver {
        &mut self.rx
    }
}

impl core::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbound")
            .field("held", &self.buffer_bytes())
            .finish_non_exhaustive()
    }
}
