#![allow(
    clippy::arithmetic_side_effects,
    reason = "bytes that are queued lie in memory, and what is written was queued"
)]

use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::Arc;

use wskit_frame::{CONTROL_MAX, CloseCode, ClosePayload, OpCode, Utf8Check};

use crate::closing::{Closing, Ending, State};
use crate::compression::Encoder;
use crate::config::Config;
use crate::control::ControlQueue;
use crate::error::{ProtocolError, SendError};
use crate::event::CloseFrame;
use crate::framing::Begun;
use crate::keys::MaskKeys;
use crate::message::MessageKind;
use crate::outcome::{Outcome, TimeoutKind};
use crate::outgoing::{Data, Outgoing};
use crate::role::Role;
use crate::tally::Tally;
use crate::transmit::Transmit;

/// The sending half of a connection: messages in, bytes out.
///
/// Everything here is synchronous and only queues. Queued bytes leave when whoever drives the
/// connection writes [`chunks`](Outbox::chunks) and reports with [`advance`](Outbox::advance).
///
/// Order on the wire: data in the order it was fed; pings and pongs before waiting data, between
/// two frames; the Close after all data that was queued before it (§5.5.1 allows it, and replies
/// that were queued when the peer's Close came are not lost).
pub struct Outbox {
    pub(crate) queue: Transmit,
    keys: Option<MaskKeys>,
    /// Whether `feed` may take its short way: open, no streamed message, nothing to configure.
    plain: bool,
    /// The high-water mark, at hand.
    mark: usize,
    /// The last write was refused: pongs are coalesced.
    blocked: bool,
    /// A message was fed since this was last cleared: the idle timer's evidence.
    pub(crate) active: bool,
    /// The peer took bytes since this was last cleared: the keepalive's evidence.
    pub(crate) progressed: bool,
    /// Bytes that the transport has taken.
    pub(crate) taken: u64,
    control: Option<Box<ControlQueue>>,
    closing: Option<Box<Closing>>,
    streamed: Option<Streamed>,
    pub(crate) encoder: Option<Box<Encoder>>,
    pub(crate) tally: Tally,
    pub(crate) config: Arc<Config>,
}

/// The message that is being sent in pieces.
#[derive(Clone, Copy, Debug)]
struct Streamed {
    kind: MessageKind,
    compressed: bool,
    first: bool,
    utf8: Utf8Check,
}

/// Payloads up to this size are copied beside their header; larger ones are queued as they are.
pub(crate) const COPIED: usize = 16 << 10;

impl Outbox {
    pub(crate) fn new(keys: Option<MaskKeys>, config: Arc<Config>, tally: Tally) -> Self {
        Self {
            queue: Transmit::default(),
            keys,
            plain: config.fragment_size.is_none(),
            mark: config.high_water.min(config.queue_limit),
            blocked: false,
            active: false,
            progressed: false,
            taken: 0,
            control: None,
            closing: None,
            streamed: None,
            encoder: None,
            tally,
            config,
        }
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn set_encoder(&mut self, encoder: Encoder) {
        self.encoder = Some(Box::new(encoder));
        self.plain = false;
    }

    /// Queues a message. It leaves with the next write; nothing is written here.
    ///
    /// # Errors
    /// [`SendError::Closed`] after a Close, [`SendError::QueueFull`] while the queue holds
    /// `Config::write_queue_limit` bytes, [`SendError::MessageOpen`] inside a streamed message.
    /// Nothing of the message is queued then.
    #[inline]
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let message = message.into();
        if let &Data::Lent(payload) = &message.data {
            if self.plain
                && self.keys.is_none()
                && payload.len() <= COPIED
                && self.queue.queued() < self.mark
            {
                self.active = true;
                self.tally.sent_plain(payload.len());
                let opcode = opcode(message.kind);
                if !self.queue.push_plain(opcode, payload) {
                    self.queue.push_first(opcode, payload);
                }
                return Ok(());
            }
        }
        self.feed_any(message)
    }

    /// Queues a message for which room was reserved before: as [`feed`](Outbox::feed), but whatever
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

    /// Begins a message that is sent in pieces (§5.4); its bytes need not exist yet.
    ///
    /// # Errors
    /// As [`feed`](Outbox::feed).
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.begin_any(kind, true)
    }

    /// Begins a message that is sent in pieces and as it is, even where compression was agreed on
    /// (see [`Outgoing::uncompressed`]).
    ///
    /// # Errors
    /// As [`feed`](Outbox::feed).
    pub fn begin_uncompressed(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.begin_any(kind, false)
    }

    fn begin_any(&mut self, kind: MessageKind, compress: bool) -> Result<(), SendError> {
        self.check_data()?;
        self.streamed = Some(Streamed {
            kind,
            compressed: compress
                && self
                    .encoder
                    .as_mut()
                    .is_some_and(|encoder| encoder.begin(None)),
            first: true,
            utf8: Utf8Check::new(),
        });
        self.plain = false;
        Ok(())
    }

    /// Queues the next piece of the streamed message, copied; `last` ends the message. A piece is one
    /// frame, unless `Config::fragment_size` cuts it or it is compressed: a compressor makes frames of
    /// up to 16 KiB, and may hold all of a piece back until more comes. Control frames may go between
    /// pieces, other messages may not.
    ///
    /// # Errors
    /// [`SendError::NoMessageOpen`] without [`begin`](Outbox::begin); [`SendError::InvalidUtf8`] when
    /// the pieces of a text are no text (the piece is not queued, the message stays open);
    /// [`SendError::Closed`] and [`SendError::QueueFull`] as [`feed`](Outbox::feed); the mere end of a
    /// message, without data, is taken however much is queued.
    pub fn piece(&mut self, data: &[u8], last: bool) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        let Some(mut streamed) = self.streamed else {
            return Err(SendError::NoMessageOpen);
        };
        let is_mere_end = last && data.is_empty();
        if self.queue.queued() >= self.config.queue_limit && !is_mere_end {
            return Err(SendError::QueueFull);
        }
        if streamed.kind == MessageKind::Text {
            let checked = streamed
                .utf8
                .push(data)
                .and_then(|()| if last { streamed.utf8.finish() } else { Ok(()) });
            checked.map_err(|_| SendError::InvalidUtf8)?;
        }
        self.active = true;
        if last {
            self.tally.sent_message(data.len());
        } else {
            self.tally.sent_part(data.len());
        }
        let begun = Begun {
            opcode: opcode(streamed.kind),
            compressed: streamed.compressed,
            first: streamed.first,
        };
        // An encoder may hold all of it back: the first frame is then still to come.
        streamed.first = self.frames(begun, data, last).first;
        self.streamed = (!last).then_some(streamed);
        self.plain = self.is_plain();
        Ok(())
    }

    /// Queues a ping of the application's own. Pings of `Config::keepalive` go by themselves.
    ///
    /// # Errors
    /// [`SendError::ControlTooLong`] above 125 bytes, [`SendError::QueueFull`] while 4 KiB of pings
    /// and pongs wait, [`SendError::Closed`] after a Close.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_control(payload)?;
        self.tally.sent_frame();
        let mask = self.next_key();
        self.control.get_or_insert_default().ping(mask, payload);
        Ok(())
    }

    /// Queues a pong. Pings are answered by themselves unless `Config::auto_pong` is off; then this is
    /// how. §5.5.3 also allows pongs that nobody asked for.
    ///
    /// # Errors
    /// [`SendError::ControlTooLong`] above 125 bytes, [`SendError::Closed`] after a Close, and for
    /// pongs beside the automatic ones [`SendError::QueueFull`] while 4 KiB of pings and pongs wait.
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        match self.check_control(payload) {
            Ok(()) | Err(SendError::QueueFull) if !self.config.auto_pong => {
                self.answer_ping(payload);
                Ok(())
            }
            Ok(()) => {
                self.tally.sent_frame();
                let mask = self.next_key();
                self.control
                    .get_or_insert_default()
                    .unasked_pong(mask, payload);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Starts the closing handshake (§7.1.2): queues a Close after everything queued before. No
    /// message can follow. A second call changes nothing; a code of `None` sends an empty Close.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] for a code that may not be sent (§7.4.1), and
    /// [`SendError::ReasonTooLong`] above 123 bytes; the connection stays open then.
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<(), SendError> {
        if let Some(close) = &close {
            Self::check_close(close)?;
        }
        self.push_close(close);
        Ok(())
    }

    /// Checks whether a Close may be sent.
    ///
    /// # Errors
    /// As [`close`](Outbox::close).
    pub fn check_close(close: &CloseFrame) -> Result<(), SendError> {
        if !close.code.is_sendable() {
            return Err(SendError::InvalidCloseCode(close.code));
        }
        if close.reason.len() > ClosePayload::MAX_REASON {
            return Err(SendError::ReasonTooLong);
        }
        Ok(())
    }

    /// Whether (parts of) messages are queued, not counting pings and pongs.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.queue.queued() > 0
    }

    /// Returns how many bytes that were queued will never be sent, because the connection failed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.closing.as_ref().map_or(0, |closing| closing.lost)
    }

    /// Whether a write has failed, so that nothing more can be sent.
    #[must_use]
    pub fn has_write_failed(&self) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|closing| closing.has_write_failed())
    }

    /// Whether the transport refused the last write.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether a message is being sent in pieces and has not ended.
    #[must_use]
    pub fn is_message_open(&self) -> bool {
        self.streamed.is_some()
    }

    /// Keeps shared payloads ([`Bytes`](bytes::Bytes)) that are done with, instead of dropping them,
    /// until [`take_spent`](Outbox::take_spent): for callers that hold a lock, because dropping the last
    /// reference to a payload may run code of its owner's.
    pub fn keep_spent(&mut self) {
        self.queue.keep_spent();
    }

    /// Whether payloads are kept ([`keep_spent`](Outbox::keep_spent)).
    #[inline]
    #[must_use]
    pub fn has_spent(&self) -> bool {
        self.queue.has_spent()
    }

    /// Takes the payloads that were kept since the last call ([`keep_spent`](Outbox::keep_spent)).
    pub fn take_spent(&mut self) -> Vec<bytes::Bytes> {
        self.queue.take_spent()
    }

    /// Bytes queued and not yet written, headers included.
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.queued() + self.control.as_ref().map_or(0, |control| control.len())
    }

    /// Whether nothing is queued.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queued() == 0
    }

    /// Whether sending (and receiving) should wait until bytes have left (`Config::write_high_water`).
    #[inline]
    #[must_use]
    pub fn is_over_high_water(&self) -> bool {
        self.queue.queued() >= self.mark
    }

    /// The same for what was queued beyond the first `earlier` bytes.
    #[must_use]
    pub fn is_over_high_water_beyond(&self, earlier: usize) -> bool {
        self.queue.queued().saturating_sub(earlier) >= self.mark
    }

    /// Whether one more message may be queued, `reserved` bytes being promised to others.
    #[must_use]
    pub fn has_room(&self, reserved: usize) -> bool {
        self.queue.queued().saturating_add(reserved) < self.mark
    }

    /// Whether [`chunks`](Outbox::chunks) has a single slice, as it does unless a large payload or a
    /// ping or pong is queued.
    #[inline]
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.only_chunk().is_some()
    }

    /// Whether [`feed`](Outbox::feed) would take a message now.
    ///
    /// # Errors
    /// The one that it would answer.
    pub fn check(&self) -> Result<(), SendError> {
        self.check_data()
    }

    /// Whether pings and pongs wait in such number that a write should be tried before more is read.
    #[must_use]
    pub fn is_control_full(&self) -> bool {
        self.control
            .as_ref()
            .is_some_and(|control| control.is_full())
    }

    /// Whether messages can still be sent, or how far the end has come.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.closing {
            None => State::Open,
            Some(closing) if closing.is_over() => State::Closed,
            Some(_) => State::Closing,
        }
    }

    /// How the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.closing
            .as_ref()
            .filter(|closing| closing.is_over())
            .map(|closing| closing.outcome())
    }

    /// The bytes to write next, as slices for one vectored write; says how many were filled in.
    /// Nothing is taken off the queue.
    pub fn chunks<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let Some(control) = self.control.as_ref().filter(|control| control.len() > 0) else {
            if let (Some(only), Some(to)) = (self.queue.only(), out.first_mut()) {
                *to = IoSlice::new(only);
                return usize::from(!only.is_empty());
            }
            return self.queue.fill(0, usize::MAX, out).0;
        };
        // The frame that is partly on the wire is finished first.
        let rest = if control.is_begun() {
            0
        } else {
            self.queue.rest_of_frame()
        };
        let (mut used, filled) = self.queue.fill(0, rest, out);
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

    /// The first slice of [`chunks`](Outbox::chunks), for a transport that writes one at a time.
    #[must_use]
    pub fn chunk(&self) -> &[u8] {
        let mut one = [IoSlice::new(&[])];
        if self.chunks(&mut one) == 0 {
            return &[];
        }
        let [one] = one;
        // `IoSlice` gives its slice only for its own lifetime; find it again in ours.
        self.slice_of(one.len())
    }

    /// Says that `n` bytes of [`chunks`](Outbox::chunks) have been written.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        // A write that is taken at once proves only that there was room in a buffer of this machine; one
        // that had to wait proves that the peer has made room.
        self.progressed |= self.blocked && n > 0;
        self.taken = self.taken.wrapping_add(n as u64);
        self.tally.sent_bytes(n);
        let masked = self.keys.is_some();
        if self.control.is_none() {
            self.queue.advance(n, masked);
        } else {
            self.advance_control(n, masked);
        }
    }

    #[cold]
    fn advance_control(&mut self, n: usize, masked: bool) {
        let Some(control) = self.control.as_mut() else {
            return;
        };
        let before = if control.is_begun() {
            0
        } else {
            self.queue.rest_of_frame().min(n)
        };
        let within = (n - before).min(control.len());
        control.advance(within);
        if control.len() == 0 {
            self.control = None;
        }
        let data = n - within;
        if data > 0 {
            self.queue.advance(data, masked);
        }
    }

    /// Says whether the transport refused the last write. While it does, only the latest ping is
    /// answered, and what waits moves to a buffer of its size.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
        self.tally.queued(self.queued());
        if blocked {
            self.queue.park();
        }
    }

    /// What is left to do to the transport (§7.1.1).
    #[must_use]
    pub fn ending(&self) -> Ending {
        let all_written = self.is_empty();
        self.closing.as_ref().map_or(Ending::NotYet, |closing| {
            closing.ending(self.role(), all_written)
        })
    }

    /// Says that the write side of the transport has been shut down.
    pub fn transport_shut_down(&mut self) {
        self.plain = false;
        self.closing.get_or_insert_default().shut_down();
    }

    /// Says that a write failed: nothing more can be sent, and what is queued is dropped. What the peer
    /// had sent before, its Close included, may still be there to be read: the connection is over with
    /// the peer's Close, the end of its stream, a failed read or the close deadline.
    ///
    /// Returns whether anything is lost by it. Once our Close is out only answers to pings are, and the
    /// ending may still be clean (§7.1.4).
    pub fn write_failed(&mut self, kind: io::ErrorKind) -> bool {
        let close_is_out = self.is_close_out();
        if close_is_out {
            self.control = None;
        } else {
            self.plain = false;
            self.closing.get_or_insert_default().write_failed(kind);
            self.drop_queue();
        }
        !close_is_out
    }

    /// Whether a write has failed and the write side of the transport is still to be shut down, beside
    /// reading on: the peer is told by it that nothing more comes.
    #[must_use]
    pub fn owes_shutdown(&self) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|closing| closing.owes_shutdown())
    }

    /// Whether our Close has been written and the connection is not over.
    #[must_use]
    pub fn is_close_out(&self) -> bool {
        self.queue.queued() == 0
            && self
                .closing
                .as_ref()
                .is_some_and(|closing| closing.is_sent() && !closing.is_over())
    }

    /// Says that the transport failed: nothing more can be sent or received.
    pub fn transport_failed(&mut self, kind: io::ErrorKind) {
        self.plain = false;
        let all_written = self.is_empty();
        self.closing
            .get_or_insert_default()
            .transport_failed(kind, all_written);
        self.drop_queue();
    }

    pub(crate) fn failed_mid_message(&mut self, kind: io::ErrorKind, mid_message: bool) {
        self.transport_failed(kind);
        if let Some(closing) = &mut self.closing {
            closing.cut(mid_message);
        }
    }

    /// Bytes that the peer's host has acknowledged in all, given those it has not.
    pub(crate) fn acknowledged(&self, unacknowledged: Option<usize>) -> Option<u64> {
        self.taken.checked_sub(unacknowledged? as u64)
    }

    /// Bytes of heap held now, borrowed buffers included; a shared payload counts in full.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        let control = self
            .control
            .as_ref()
            .map_or(0, |control| control.buffer_bytes());
        let encoder = self
            .encoder
            .as_ref()
            .map_or(0, |encoder| encoder.buffer_bytes());
        self.queue.buffer_bytes() + control + encoder
    }

    /// How long the closing handshake may take (`Config::close_timeout`).
    #[must_use]
    pub fn close_timeout(&self) -> Duration {
        self.config.close_timeout
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.keys.is_some() {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// §5.5.2: a ping is answered unless a Close has been received.
    pub(crate) fn answer_ping(&mut self, payload: &[u8]) {
        if self.closing.as_ref().is_some_and(|closing| {
            closing.is_received() || closing.is_over() || closing.has_write_failed()
        }) {
            return;
        }
        self.tally.sent_frame();
        let mask = self.next_key();
        self.control
            .get_or_insert_default()
            .pong(mask, payload, self.blocked);
    }

    /// A ping of the keepalive's. While [`BOUND`](crate::control::BOUND) bytes of pings and pongs
    /// wait it would tell nothing: whether the peer takes those is the evidence.
    pub(crate) fn keepalive_ping(&mut self, payload: &[u8]) {
        if self.closing.is_none() && !self.is_control_full() {
            self.tally.sent_frame();
            let mask = self.next_key();
            self.control.get_or_insert_default().ping(mask, payload);
        }
    }

    /// §5.5.1: the peer's Close is answered with the same code; the reason goes back too, as node's
    /// and Python's peers do it.
    pub(crate) fn answer_close(&mut self, close: Option<CloseFrame>, mid_message: bool) {
        let echo = close.clone();
        self.plain = false;
        self.streamed = None;
        self.closing
            .get_or_insert_default()
            .receive(close, mid_message);
        // Pongs still owed need not be sent any more.
        if self
            .control
            .as_ref()
            .is_some_and(|control| !control.is_begun())
        {
            self.control = None;
        }
        self.push_close(echo);
    }

    /// §7.1.7: the connection fails with a Close that says why.
    pub(crate) fn fail(&mut self, error: &ProtocolError) {
        self.closing.get_or_insert_default().fail(error.clone());
        self.push_close(Some(CloseFrame::new(error.close_code(), "")));
    }

    /// Gives the connection up because the peer ran out of time.
    pub fn time_out(&mut self, kind: TimeoutKind) {
        self.plain = false;
        let all_written = self.is_empty();
        self.closing
            .get_or_insert_default()
            .time_out(kind, all_written);
        self.drop_queue();
    }

    pub(crate) fn end_of_stream(&mut self, mid_message: bool) {
        self.plain = false;
        self.closing
            .get_or_insert_default()
            .end_of_stream(mid_message);
        if self.state() == State::Closed {
            self.drop_queue();
        }
    }

    fn push_close(&mut self, close: Option<CloseFrame>) {
        let closing = self.closing.get_or_insert_default();
        self.plain = false;
        self.streamed = None;
        if closing.is_sent() || closing.is_over() || closing.has_write_failed() {
            return;
        }
        closing.send(close.as_ref().map(|close| close.code));
        self.tally.sent_frame();
        let mut payload = [0; CONTROL_MAX];
        let len = close.map_or(0, |close| {
            let payload_of = ClosePayload {
                code: close.code,
                reason: &close.reason,
            };
            payload_of.encode(&mut payload).unwrap_or_default()
        });
        let mask = self.next_key();
        self.queue.push_copy(
            true,
            false,
            OpCode::Close,
            mask,
            payload.get(..len).unwrap_or_default(),
        );
    }

    fn drop_queue(&mut self) {
        let lost = self.queued() as u64;
        if let Some(closing) = &mut self.closing {
            closing.lost += lost;
        }
        self.queue.clear();
        self.control = None;
        self.streamed = None;
    }

    #[inline]
    pub(crate) fn next_key(&self) -> Option<[u8; 4]> {
        self.keys.as_ref().map(MaskKeys::next_key)
    }

    fn is_plain(&self) -> bool {
        self.closing.is_none()
            && self.streamed.is_none()
            && self.encoder.is_none()
            && self.config.fragment_size.is_none()
    }

    fn check_data(&self) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        if self.streamed.is_some() {
            return Err(SendError::MessageOpen);
        }
        if self.queue.queued() >= self.config.queue_limit {
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    fn check_control(&self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > CONTROL_MAX {
            return Err(SendError::ControlTooLong);
        }
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        if self.is_control_full() {
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    #[inline(never)]
    fn feed_any(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        self.check_data()?;
        let payload = message.as_bytes();
        if self.plain && payload.len() <= COPIED {
            self.active = true;
            self.tally.sent_plain(payload.len());
            self.push_small(message.kind, payload);
            if let Data::Shared(bytes) = message.data {
                self.queue.retire(bytes);
            }
            return Ok(());
        }
        self.push_message(message);
        Ok(())
    }

    /// Queues a whole message as one frame, payload copied.
    fn push_small(&mut self, kind: MessageKind, payload: &[u8]) {
        let opcode = opcode(kind);
        if let Some(keys) = &self.keys {
            let mask = Some(keys.next_key());
            self.queue.push_copy(true, false, opcode, mask, payload);
            return;
        }
        self.queue.push_first(opcode, payload);
    }

    /// All that is queued, if it lies in one piece.
    #[inline]
    #[must_use]
    pub fn only_chunk(&self) -> Option<&[u8]> {
        if self.control.is_none() {
            self.queue.only()
        } else {
            None
        }
    }

    fn slice_of(&self, len: usize) -> &[u8] {
        let control = self.control.as_ref().filter(|control| control.len() > 0);
        let rest = self.queue.rest_of_frame();
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
}

/// The sending half of a connection as its driver holds it: an [`Outbox`], and what tells it how the
/// transport fares.
#[derive(Debug)]
pub struct Outbound(Outbox);

impl Outbound {
    pub(crate) fn new(keys: Option<MaskKeys>, config: Arc<Config>, tally: Tally) -> Self {
        Self(Outbox::new(keys, config, tally))
    }

    /// Returns what a program may use.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.0
    }
}

impl core::ops::Deref for Outbound {
    type Target = Outbox;
    fn deref(&self) -> &Outbox {
        &self.0
    }
}

impl core::ops::DerefMut for Outbound {
    fn deref_mut(&mut self) -> &mut Outbox {
        &mut self.0
    }
}

impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox")
            .field("state", &self.state())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

pub(crate) const fn opcode(kind: MessageKind) -> OpCode {
    match kind {
        MessageKind::Text => OpCode::Text,
        MessageKind::Binary => OpCode::Binary,
    }
}

/// The code of an ending that nobody chose.
pub(crate) const IDLE: CloseCode = CloseCode::GOING_AWAY;
