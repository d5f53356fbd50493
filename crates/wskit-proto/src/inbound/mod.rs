#![allow(
    clippy::arithmetic_side_effects,
    reason = "the end of a span is not before its start"
)]

mod fast;
mod frames;
mod inflate;
mod memory;
mod payload;
mod read_buf;
mod replies;
mod span;
mod spare;
mod timeouts;

use core::mem::{self, ManuallyDrop};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use wskit_frame::Utf8Check;

use crate::compression::Decoder;
use crate::config::{Config, Limits};
use crate::counter_handle::CounterHandle;
use crate::error::ProtocolError;
use crate::event::{Event, Piece};
use crate::message::MessageRef;
use crate::pool;
use crate::role::Role;
use crate::timers::Timers;
use fast::Fast;
use frames::{Frame, Unfinished};
use read_buf::Assembly;
use timeouts::Activity;

pub(crate) use memory::Memory;
pub use read_buf::ReadBuf;
pub use replies::WithOutbound;
pub use span::{Delivery, Span};
pub use spare::Spare;
pub use timeouts::Circumstances;

/// The receiving half of a connection, with its timers: bytes in, events out.
///
/// It owns the parse state and borrows a buffer from its thread's pool only while bytes move. It uses
/// the sending half only to queue a reply, through [`WithOutbound`]: where the two halves are used
/// from two tasks, that is the moment to take the lock.
///
/// There are two parsers. The fast path (`fast.rs`) takes one kind of frame: a whole, unfragmented,
/// uncompressed data frame that lies in the buffer. It inlines into the caller. The full parser
/// (`frames.rs`) takes everything, and it alone knows errors, fragments and control frames.
pub struct Inbound {
    /// The slab, and the buffer in which a message is assembled that cannot be lent from the slab.
    memory: ManuallyDrop<Memory>,
    /// Unparsed bytes are `slab[start..end]`.
    start: u32,
    end: u32,
    fast: Fast,
    /// Whether the full parser has seen everything up to `end` and waits for more.
    drained: bool,
    /// Whether reading has ended: the peer's Close came (§5.5.1: data after it is not delivered), or
    /// the peer broke a rule (§7.1.7: nothing more is processed, a Close included). What still comes
    /// is thrown away.
    ended: bool,
    /// How the next message to begin is handed out.
    delivery: Delivery,
    frame: Option<Frame>,
    message: Option<Unfinished>,
    /// Whether the peer's Close came inside a message.
    closed_inside: bool,
    utf8: Utf8Check,
    assembly: Assembly,
    /// Whether the usual slab was too small for what came at once, so that the next is a large one.
    large_slab: bool,
    /// Bytes of an unfinished header or control frame while no slab is held.
    #[allow(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each connection, and few have one"
    )]
    partial: ManuallyDrop<Option<Box<Vec<u8>>>>,
    /// Whether the next look at the input returns that a text was not valid.
    invalid_text: bool,
    decoder: ManuallyDrop<Option<Box<Decoder>>>,
    /// Work done to decompress since this was last taken: see [`Inbound::take_inflated`].
    inflated: usize,
    activity: Activity,
    /// Boxed, because little of it is looked at: they are not in the memory that each message moves through.
    timers: Box<Timers>,
    counters: CounterHandle,
    config: Arc<Config>,
}

impl Inbound {
    pub(crate) fn new(
        role: Role,
        config: Arc<Config>,
        counters: CounterHandle,
        now: Instant,
    ) -> Self {
        Self {
            memory: ManuallyDrop::default(),
            start: 0,
            end: 0,
            fast: Fast::new(role, &config),
            drained: true,
            ended: false,
            delivery: Delivery::Whole,
            frame: None,
            message: None,
            closed_inside: false,
            utf8: Utf8Check::new(),
            assembly: Assembly::default(),
            large_slab: false,
            partial: ManuallyDrop::default(),
            invalid_text: false,
            decoder: ManuallyDrop::default(),
            inflated: 0,
            activity: Activity::default(),
            timers: Box::new(Timers::new(&config, now)),
            counters,
            config,
        }
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn set_decoder(&mut self, decoder: Decoder) {
        *self.decoder = Some(Box::new(decoder));
    }

    /// Returns the next event in the bytes read so far; `None` when more are needed, or when the
    /// connection reads no more.
    ///
    /// Replies (a pong, the answer to a Close, the Close that reports an error) are queued in `outbound`
    /// on the way. `clock` is asked only when a pong has come.
    ///
    /// # Errors
    /// The peer broke a rule. The error is returned once, a Close is queued, and from then on there
    /// are no events.
    #[inline]
    pub fn next<O: WithOutbound>(
        &mut self,
        outbound: &mut O,
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        if self.has_no_input() {
            return Ok(None);
        }
        match self.next_fast_event() {
            Some(event) => Ok(Some(event)),
            None => self.next_any(outbound, clock),
        }
    }

    /// Returns the next message by the fast path, as a span of kind [`Event::Message`]. `None` says
    /// nothing about other events. For callers that have set [`Delivery::Whole`] before.
    #[inline(always)]
    pub fn next_fast(&mut self) -> Option<Span> {
        let span = self.parse_fast()?;
        self.counters.received_whole(span.len as usize);
        self.activity.messages = true;
        Some(span)
    }

    /// Returns the next message by the fast path, as [`set_delivery`](Inbound::set_delivery) asks for
    /// it. `None` says nothing about other events. Never needs the outbound.
    #[inline]
    pub fn next_fast_event(&mut self) -> Option<Event<Span, Span>> {
        let span = self.next_fast()?;
        Some(match self.delivery {
            Delivery::Whole => Event::Message(span),
            Delivery::Pieces => Event::Piece(span),
        })
    }

    /// Returns whether no received byte waits to be parsed, so that there are no events to ask for.
    #[inline]
    pub fn has_no_input(&self) -> bool {
        self.fast.is_enabled() && self.start == self.end
    }

    /// Returns how much has been decompressed since the last call, in bytes, and starts again at 0.
    ///
    /// This is what compressed messages have expanded to, thrown away or not. Each message counts for
    /// at least 128 bytes, and for one more per 32 bytes of earlier messages that it may refer to,
    /// which is about the time that a small message takes. It is 0 where nothing is compressed.
    ///
    /// A few bytes on the wire can become a thousand times as many. A driver that shares a thread
    /// between connections limits what one does in a row by this, besides by the bytes read.
    #[inline]
    pub fn take_inflated(&mut self) -> usize {
        mem::take(&mut self.inflated)
    }

    /// Lends the message that [`next_fast`](Inbound::next_fast) has just returned. It is cheaper
    /// than [`message`](Inbound::message) and always borrows from the read buffer.
    #[inline]
    pub fn fast_message(&self, span: Span) -> MessageRef<'_> {
        self.memory.in_slab_message(span)
    }

    /// Lends the message of the latest span, until bytes are read or parsed.
    ///
    /// The bytes of a span that was kept longer are gone: a text, and a message that had a buffer of
    /// its own, is then empty; other binary data is whatever lies in the read buffer.
    #[inline]
    pub fn message(&mut self, span: Span) -> MessageRef<'_> {
        self.memory.message(span)
    }

    /// Lends the piece of the latest span, until bytes are read or parsed. A span that was kept longer
    /// shows whatever lies in the read buffer.
    pub fn piece(&self, span: Span) -> Piece<'_> {
        Piece {
            kind: span.kind,
            first: span.first,
            last: span.last,
            data: self.memory.bytes(span),
        }
    }

    /// Sets how messages that begin from now on are handed out.
    #[inline]
    pub fn set_delivery(&mut self, delivery: Delivery) {
        if self.delivery != delivery {
            if self.expects_large() {
                // Pieces are not read into a buffer of their own.
                self.give_assembled();
            }
            self.delivery = delivery;
            if delivery == Delivery::Whole {
                // A message of which no piece has been handed out is assembled as a whole after all.
                if let Some(message) = self.message.as_mut() {
                    message.pieces &= !message.first;
                }
            }
        }
    }

    /// Returns how messages that begin now are handed out.
    #[inline]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> Limits {
        self.config.limits
    }

    /// Changes the limits for this connection, from the next frame on: higher ones once a peer has
    /// authenticated, or none where messages are taken in pieces and none is assembled.
    pub fn set_limits(&mut self, limits: Limits) {
        let config = Arc::make_mut(&mut self.config);
        config.limits = limits;
        self.fast.set_limits(limits);
    }

    /// Sets whether frames without a mask are taken too, from the next frame on; see
    /// [`Config::accept_unmasked`].
    pub fn set_accept_unmasked(&mut self, on: bool) {
        Arc::make_mut(&mut self.config).accept_unmasked = on;
    }

    /// Takes received bytes by copying and returns how many were taken. If that is fewer than given,
    /// take the events first, then give the rest.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        match self.read_buf() {
            ReadBuf::Slab(slab) => {
                let n = read_buf::copy(bytes, slab) as usize;
                self.filled(n);
                n
            }
            ReadBuf::Large(mut spare) => {
                let n = spare.copy_from(bytes);
                self.filled_large(n);
                n
            }
        }
    }

    /// Reports that the peer's stream has ended.
    pub fn receive_eof<O: WithOutbound>(&mut self, outbound: &mut O) {
        let mid_message = self.is_mid_message();
        self.end();
        outbound.with_outbound(|outbound| outbound.end_of_stream(mid_message));
    }

    /// Reports that a read failed: nothing more can be received or sent.
    pub fn transport_failed<O: WithOutbound>(&mut self, outbound: &mut O, kind: io::ErrorKind) {
        let mid_message = self.is_mid_message();
        self.stop();
        outbound.with_outbound(|outbound| outbound.failed_mid_message(kind, mid_message));
    }

    /// Stops reading and all timers: the connection is over.
    pub fn stop(&mut self) {
        self.end();
        self.timers.stop();
    }

    /// Stops reading for good: what the buffer holds and what still comes is thrown away.
    fn end(&mut self) {
        self.ended = true;
        self.fast.enable(false);
        self.frame = None;
        self.message = None;
        // A message that has been handed out, or waits to be, stays until the next look at the input.
        if !self.assembly.lent {
            *self.memory.assembled_mut() = Vec::new();
        }
        *self.partial = None;
        self.invalid_text = false;
        self.start = 0;
        self.end = 0;
    }

    /// Returns whether bytes of an unfinished frame or message have come, so that an end of stream now
    /// would cut it.
    pub fn is_mid_message(&self) -> bool {
        self.frame.is_some()
            || self.message.is_some()
            || self.start != self.end
            || self.partial.is_some()
    }

    /// Returns the latest round trip of a keepalive ping; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.timers.round_trip()
    }

    /// Returns the counters of the connection, for both directions. They may be kept and read at any
    /// time.
    #[cfg(feature = "metrics")]
    pub fn counters(&self) -> &Arc<crate::Counters> {
        self.counters.get()
    }

    /// Returns how many bytes of heap are held now, a borrowed read buffer included.
    pub fn buffer_bytes(&self) -> usize {
        let decoder = self
            .decoder
            .as_ref()
            .map_or(0, |decoder| decoder.buffer_bytes());
        self.memory.slab().len()
            + self.memory.assembled().capacity()
            + self
                .partial
                .as_ref()
                .map_or(0, |partial| partial.capacity())
            + decoder
    }
}

/// Drops everything in this crate. Without it this code would be repeated in every part of a program that
/// holds a connection.
impl Drop for Inbound {
    #[inline(never)]
    fn drop(&mut self) {
        let mut memory = mem::take(&mut *self.memory);
        if !memory.slab().is_empty() {
            pool::give_read(mem::take(memory.slab_mut()));
        }
        drop(memory);
        drop(self.partial.take());
        drop(self.decoder.take());
    }
}

impl core::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbound")
            .field("buffer_bytes", &self.buffer_bytes())
            .finish_non_exhaustive()
    }
}
