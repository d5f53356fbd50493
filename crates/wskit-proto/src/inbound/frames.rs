//! The full parser: headers, control frames, and the rules of fragmentation.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab; lengths are at most 2^63 - 1, so that the sum of two fits"
)]

use wskit_frame::{
    ClosePayload, FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed, Utf8Check,
};

use super::inflate::work_of_message;
use super::{Delivery, Inbound, Span};
use crate::error::ProtocolError;
use crate::event::{CloseFrame, ControlPayload, Event};
use crate::message::MessageKind;
use crate::pool::READ_SLAB;
use crate::text::Utf8Bytes;

/// The data frame whose payload is coming in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) mask: Option<Mask>,
    pub(super) remaining: u64,
    pub(super) fin: bool,
    /// Bytes at `start` that are unmasked already (a decoder ran out of room before it took them).
    pub(super) unmasked: u32,
}

/// The message that is coming in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfinished {
    pub(super) kind: MessageKind,
    pub(super) compressed: bool,
    /// Whether it is handed out in pieces.
    pub(super) pieces: bool,
    /// Whether no piece of it has been handed out yet.
    pub(super) first: bool,
    /// Whether all of it is one frame that will lie whole in the slab, at `start`.
    pub(super) in_slab: bool,
    /// Bytes in the slab that are unmasked and checked.
    pub(super) done: u32,
    pub(super) fragments: u32,
    /// Bytes of payload announced so far, or decompressed.
    pub(super) size: u64,
}

/// The result of one look at the input.
pub(super) enum ParseStep {
    Event(Event<Span, Span>),
    Next,
    Wait,
}

impl Inbound {
    /// Returns the next event of any kind; `None` when more bytes are needed, or none will be read.
    /// An error is returned once; after it, there are no events.
    #[cold]
    pub(super) fn parse(&mut self) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        let event = self.parse_frames();
        match &event {
            Err(_) | Ok(Some(Event::Close(_))) => self.end(),
            Ok(event) => {
                self.drained = event.is_none();
                if let Some(Event::Message(span)) = event {
                    self.memory.lend(*span);
                }
                self.look_again();
            }
        }
        event
    }

    /// Takes back the large message that was lent last; returns whether there was one. Its buffer is for
    /// the next message of any connection on this thread. [`next`](Inbound::next) does this too.
    pub fn take_back(&mut self) -> bool {
        let was_lent = core::mem::take(&mut self.assembly.lent);
        if was_lent {
            // The message was used, taken or not wanted: an idle connection holds no buffer.
            if self.assembly.expected > 0 {
                self.give_assembled();
            } else {
                *self.memory.assembled_mut() = Vec::new();
            }
        }
        was_lent
    }

    fn parse_frames(&mut self) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        if core::mem::take(&mut self.invalid_text) {
            return Err(ProtocolError::InvalidUtf8);
        }
        self.take_back();
        if self.ended {
            self.start = 0;
            self.end = 0;
            return Ok(None);
        }
        loop {
            let progress = match self.frame {
                Some(frame) => self.payload(frame)?,
                None => self.header()?,
            };
            match progress {
                ParseStep::Event(event) => return Ok(Some(event)),
                ParseStep::Wait => return Ok(None),
                ParseStep::Next => {}
            }
        }
    }

    /// Parses the next frame's header, and the whole frame if it is a control frame.
    fn header(&mut self) -> Result<ParseStep, ProtocolError> {
        let bytes = self
            .memory
            .slab()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        let Parsed::Header { header, size } = FrameHeader::parse(bytes, self.rules(bytes))? else {
            return Ok(ParseStep::Wait);
        };
        if header.opcode.is_control() {
            return self.control(header, size);
        }
        self.begin(&header)?;
        self.start += size as u32;
        Ok(ParseStep::Next)
    }

    /// Returns what the header at the start of `bytes` must keep to. §5.1: whether it must be masked.
    pub(super) fn rules(&self, bytes: &[u8]) -> HeaderRules {
        let unmasked = self.config.accept_unmasked && bytes.get(1).is_some_and(|byte| *byte < 0x80);
        HeaderRules {
            masking: if self.fast.masked && !unmasked {
                Masking::Required
            } else {
                Masking::Forbidden
            },
            allow_rsv1: self.decoder.is_some(),
        }
    }

    /// §5.5: control frames may come between the fragments of a message and are handled there.
    fn control(&mut self, header: FrameHeader, size: usize) -> Result<ParseStep, ProtocolError> {
        let bytes = self
            .memory
            .slab()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        // The header parser has checked that it is at most 125.
        let whole = size + header.len as usize;
        let Some(payload) = bytes.get(size..whole) else {
            return Ok(ParseStep::Wait);
        };
        self.counters.received_frame();
        let mut payload = ControlPayload::new(payload);
        self.start += whole as u32;
        if let Some(key) = header.mask {
            Mask::new(key).apply(payload.bytes_mut());
        }
        Ok(ParseStep::Event(match header.opcode {
            OpCode::Ping => Event::Ping(payload),
            OpCode::Pong => Event::Pong(payload),
            _ => {
                let close = ClosePayload::parse(&payload)?;
                self.closed_inside = self.message.is_some();
                Event::Close(close.map(|close| CloseFrame {
                    code: close.code,
                    reason: Utf8Bytes::from(close.reason),
                }))
            }
        }))
    }

    /// Enters a data frame: the rules of fragmentation (§5.4) and the limits (§10.4), judged by the
    /// header alone.
    pub(super) fn begin(&mut self, header: &FrameHeader) -> Result<(), ProtocolError> {
        let limits = self.config.limits;
        if header.len > limits.max_frame_size as u64 {
            return Err(ProtocolError::FrameTooBig {
                size: header.len,
                limit: limits.max_frame_size,
            });
        }
        let mut message = match (self.message, header.opcode) {
            (None, OpCode::Text) => self.opened(MessageKind::Text, header),
            (None, OpCode::Binary) => self.opened(MessageKind::Binary, header),
            (None, _) => return Err(ProtocolError::UnexpectedContinuation),
            (Some(message), OpCode::Continuation) => message,
            (Some(_), OpCode::Text) => {
                let begun = MessageKind::Text;
                return Err(ProtocolError::ExpectedContinuation { begun });
            }
            (Some(_), _) => {
                let begun = MessageKind::Binary;
                return Err(ProtocolError::ExpectedContinuation { begun });
            }
        };
        message.fragments = message.fragments.saturating_add(1);
        if message.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments {
                limit: limits.max_fragments,
            });
        }
        if !message.compressed {
            // Both are at most 2^63 - 1: the sum fits.
            message.size += header.len;
            if message.size > limits.max_message_size as u64 {
                return Err(ProtocolError::MessageTooBig {
                    limit: limits.max_message_size,
                });
            }
        }
        self.message = Some(message);
        self.counters.received_frame();
        self.frame = Some(Frame {
            mask: header.mask.map(Mask::new),
            remaining: header.len,
            fin: header.fin,
            unmasked: 0,
        });
        Ok(())
    }

    fn opened(&mut self, kind: MessageKind, header: &FrameHeader) -> Unfinished {
        if let (true, Some(decoder)) = (header.rsv1, &*self.decoder) {
            self.inflated = self.inflated.saturating_add(work_of_message(decoder));
        }
        self.utf8 = Utf8Check::new();
        self.memory.begin_assembled();
        self.assembly.len = 0;
        Unfinished {
            kind,
            compressed: header.rsv1,
            pieces: self.delivery == Delivery::Pieces,
            first: true,
            in_slab: header.fin
                && !header.rsv1
                && self.delivery == Delivery::Whole
                && header.len <= READ_SLAB as u64,
            done: 0,
            fragments: 0,
            size: 0,
        }
    }
}
