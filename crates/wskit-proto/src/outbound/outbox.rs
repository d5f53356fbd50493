#![allow(
    clippy::arithmetic_side_effects,
    reason = "bytes that are queued lie in memory"
)]

use core::mem::{self, ManuallyDrop};
use std::sync::Arc;

use wskit_frame::{CONTROL_MAX, ClosePayload, OpCode, Utf8Check};

use super::control::ControlQueue;
use super::framing::Begun;
use super::queue::Queue;
use crate::closing::{Closing, State};
use crate::compression::Encoder;
use crate::config::Config;
use crate::counter_handle::CounterHandle;
use crate::error::SendError;
use crate::event::CloseFrame;
use crate::keys::MaskKeys;
use crate::message::MessageKind;
use crate::outcome::Outcome;
use crate::role::Role;

/// The part of a connection's sending half that programs use: queues messages, pings, pongs and the Close.
///
/// Every method is synchronous and only queues. Queued bytes leave when the driver of the connection
/// writes them ([`Outbound`](crate::Outbound)).
///
/// Order on the wire: data in the order in which it was fed; pings and pongs before waiting data,
/// between two frames; the Close after all data that was queued before it (§5.5.1 allows it, and
/// replies that were queued when the peer's Close came are not lost).
pub struct Outbox {
    pub(super) queue: ManuallyDrop<Queue>,
    pub(super) keys: Option<MaskKeys>,
    /// Whether messages go out as one frame each: open, no streamed message, no compression, no
    /// `Config::fragment_size`.
    pub(super) fast: bool,
    /// From how many queued bytes on `feed` does more than to copy the message behind them: the high-water mark,
    /// or 0 if messages are masked or not [`fast`](Outbox::fast).
    pub(super) copies_below: u32,
    /// The high-water mark.
    pub(super) mark: u32,
    /// Whether the last write was refused, so that pongs are coalesced.
    pub(super) blocked: bool,
    /// Whether a message was fed since the last look of the idle timeout.
    pub(crate) active: bool,
    /// Whether the peer took bytes since the last keepalive ping.
    pub(crate) progressed: bool,
    /// Bytes that the transport has taken.
    pub(super) taken: u64,
    pub(super) control: ManuallyDrop<Option<Box<ControlQueue>>>,
    pub(super) closing: ManuallyDrop<Option<Box<Closing>>>,
    pub(super) streamed: Option<Streamed>,
    pub(super) encoder: ManuallyDrop<Option<Box<Encoder>>>,
    pub(super) counters: CounterHandle,
    pub(super) config: Arc<Config>,
}

/// The message that is being sent in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streamed {
    kind: MessageKind,
    compressed: bool,
    first: bool,
    utf8: Utf8Check,
}

/// Payloads up to this size are copied beside their header; larger ones are queued as they are.
pub(super) const COPIED: usize = 16 << 10;

/// Drops here what would otherwise be dropped by code in every part of a program that holds a connection.
impl Drop for Outbox {
    #[inline(never)]
    fn drop(&mut self) {
        drop(mem::take(&mut *self.queue));
        drop((
            self.control.take(),
            self.closing.take(),
            self.encoder.take(),
        ));
    }
}

impl Outbox {
    pub(crate) fn new(
        keys: Option<MaskKeys>,
        config: Arc<Config>,
        counters: CounterHandle,
    ) -> Self {
        let mut outbox = Self {
            queue: ManuallyDrop::default(),
            keys,
            fast: false,
            copies_below: 0,
            mark: u32::try_from(config.write_high_water.min(config.write_queue_limit))
                .unwrap_or(u32::MAX),
            blocked: false,
            active: false,
            progressed: false,
            taken: 0,
            control: ManuallyDrop::default(),
            closing: ManuallyDrop::default(),
            streamed: None,
            encoder: ManuallyDrop::default(),
            counters,
            config,
        };
        outbox.set_fast(outbox.is_fast());
        outbox
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn set_encoder(&mut self, encoder: Encoder) {
        *self.encoder = Some(Box::new(encoder));
        self.set_fast(false);
    }

    /// Begins a message that is sent in pieces (§5.4); its bytes need not exist yet.
    ///
    /// # Errors
    /// Those of [`feed`](Outbox::feed).
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.begin_any(kind, true)
    }

    /// Begins a message that is sent in pieces and uncompressed, even where compression was agreed on
    /// (see [`Outgoing::uncompressed`](crate::Outgoing::uncompressed)).
    ///
    /// # Errors
    /// Those of [`feed`](Outbox::feed).
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
        self.set_fast(false);
        Ok(())
    }

    /// Queues the next piece of the streamed message, copied; `last` ends the message.
    ///
    /// A piece is one frame, unless `Config::fragment_size` cuts it or it is compressed: a compressor makes
    /// frames of up to 16 KiB, and may hold all of a piece back until more comes. Control frames may go
    /// between pieces; other messages may not.
    ///
    /// # Errors
    /// [`SendError::NoMessageOpen`] without [`begin`](Outbox::begin); [`SendError::InvalidUtf8`] when the
    /// pieces of a text are not UTF-8 (the piece is not queued, the message stays open);
    /// [`SendError::Closed`] and [`SendError::QueueFull`] as for [`feed`](Outbox::feed). An empty last piece
    /// is accepted even when the queue is full.
    pub fn piece(&mut self, data: &[u8], last: bool) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        let Some(mut streamed) = self.streamed else {
            return Err(SendError::NoMessageOpen);
        };
        let is_mere_end = last && data.is_empty();
        if self.queue.queued() >= self.config.write_queue_limit && !is_mere_end {
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
            self.counters.sent_message(data.len());
        } else {
            self.counters.sent_part(data.len());
        }
        let begun = Begun {
            opcode: streamed.kind.opcode(),
            compressed: streamed.compressed,
            first: streamed.first,
        };
        // An encoder may hold all of the piece back: the first frame is then still to come.
        streamed.first = self.frames(begun, data, last).first;
        self.streamed = (!last).then_some(streamed);
        self.set_fast(self.is_fast());
        Ok(())
    }

    /// Queues a ping of the application. Pings of `Config::keepalive` are sent automatically.
    ///
    /// # Errors
    /// [`SendError::ControlTooLong`] above 125 bytes, [`SendError::QueueFull`] while 4 KiB of pings and
    /// pongs wait, [`SendError::Closed`] after a Close.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_control(payload)?;
        self.counters.sent_frame();
        let mask = self.next_key();
        self.control.get_or_insert_default().ping(mask, payload);
        Ok(())
    }

    /// Queues a pong. Pings are answered automatically unless `Config::auto_pong` is off; then answer
    /// them with this. §5.5.3 also allows unsolicited pongs.
    ///
    /// # Errors
    /// [`SendError::ControlTooLong`] above 125 bytes, [`SendError::Closed`] after a Close, and for pongs
    /// besides the automatic ones [`SendError::QueueFull`] while 4 KiB of pings and pongs wait.
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        match self.check_control(payload) {
            Ok(()) | Err(SendError::QueueFull) if !self.config.auto_pong => {
                self.answer_ping(payload);
                Ok(())
            }
            Ok(()) => {
                self.counters.sent_frame();
                let mask = self.next_key();
                self.control
                    .get_or_insert_default()
                    .unsolicited_pong(mask, payload);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Starts the closing handshake (§7.1.2): queues a Close after everything queued before. No message
    /// can follow. A second call changes nothing. `None` sends a Close without a code.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] for a code that may not be sent (§7.4.1), and
    /// [`SendError::ReasonTooLong`] above 123 bytes. The connection then stays open.
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
    /// Those of [`close`](Outbox::close).
    pub fn check_close(close: &CloseFrame) -> Result<(), SendError> {
        if !close.code.is_sendable() {
            return Err(SendError::InvalidCloseCode(close.code));
        }
        if close.reason.len() > ClosePayload::MAX_REASON {
            return Err(SendError::ReasonTooLong);
        }
        Ok(())
    }

    /// Checks whether [`feed`](Outbox::feed) would accept a message now.
    ///
    /// # Errors
    /// The error that it would return.
    pub fn check(&self) -> Result<(), SendError> {
        self.check_data()
    }

    /// Returns how many bytes are queued and not yet written, headers included.
    #[inline]
    pub fn queued(&self) -> usize {
        self.queue.queued() + self.control.as_ref().map_or(0, |control| control.len())
    }

    /// Returns whether nothing is queued.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queued() == 0
    }

    /// Returns whether sending, and receiving, should wait until bytes have left
    /// (`Config::write_high_water`).
    #[inline]
    pub fn is_over_high_water(&self) -> bool {
        self.queue.queued() >= self.mark as usize
    }

    /// Returns whether the transport refused the last write.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Returns whether a message is being sent in pieces and has not ended.
    pub fn is_message_open(&self) -> bool {
        self.streamed.is_some()
    }

    /// Returns whether messages can still be sent, or how far the end has come.
    pub fn state(&self) -> State {
        match &*self.closing {
            None => State::Open,
            Some(closing) if closing.is_over() => State::Closed,
            Some(_) => State::Closing,
        }
    }

    /// Returns how the connection ended; `None` until it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.closing
            .as_ref()
            .filter(|closing| closing.is_over())
            .map(|closing| closing.outcome())
    }

    /// Returns which end of the connection this is.
    pub fn role(&self) -> Role {
        if self.keys.is_some() {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Returns how many bytes of heap are held now, borrowed buffers included; a shared payload counts in
    /// full.
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

    /// Queues a pong. §5.5.2: a ping is answered unless a Close has been received.
    pub(crate) fn answer_ping(&mut self, payload: &[u8]) {
        if self.closing.as_ref().is_some_and(|closing| {
            closing.is_received() || closing.is_over() || closing.has_write_failed()
        }) {
            return;
        }
        self.counters.sent_frame();
        let mask = self.next_key();
        self.control
            .get_or_insert_default()
            .pong(mask, payload, self.blocked);
    }

    pub(super) fn push_close(&mut self, close: Option<CloseFrame>) {
        self.set_fast(false);
        self.streamed = None;
        let closing = self.closing.get_or_insert_default();
        if closing.is_sent() || closing.is_over() || closing.has_write_failed() {
            return;
        }
        closing.send(close.as_ref().map(|close| close.code));
        self.counters.sent_frame();
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

    pub(super) fn drop_queue(&mut self) {
        let lost = self.queued() as u64;
        if let Some(closing) = &mut *self.closing {
            closing.lost += lost;
        }
        self.queue.clear();
        *self.control = None;
        self.streamed = None;
    }

    #[inline]
    pub(super) fn next_key(&self) -> Option<[u8; 4]> {
        self.keys.as_ref().map(MaskKeys::next_key)
    }

    pub(super) fn set_fast(&mut self, fast: bool) {
        self.fast = fast;
        self.copies_below = if fast && self.keys.is_none() {
            self.mark
        } else {
            0
        };
    }

    fn is_fast(&self) -> bool {
        self.closing.is_none()
            && self.streamed.is_none()
            && self.encoder.is_none()
            && self.config.fragment_size.is_none()
    }

    pub(super) fn check_data(&self) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        if self.streamed.is_some() {
            return Err(SendError::MessageOpen);
        }
        if self.queue.queued() >= self.config.write_queue_limit {
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    pub(super) fn is_control_full(&self) -> bool {
        self.control.as_deref().is_some_and(ControlQueue::is_full)
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
}

impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox")
            .field("state", &self.state())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
