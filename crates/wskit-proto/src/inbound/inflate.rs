//! The payload of compressed messages (RFC 7692).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within buffers; what is taken was compared with what is there"
)]

use super::frames::{Frame, ParseStep, Unfinished};
use super::payload::{LEAST, make_room};
use super::read_buf::BLOCK;
use super::{Inbound, Span};
use crate::compression::Decoder;
use crate::error::ProtocolError;
use crate::event::Event;
use crate::message::MessageKind;

/// What a compressed message counts for besides the bytes that it expands to: its stream is fetched
/// and put back, which takes as long as decompressing this many bytes of ordinary text.
const FETCH: usize = 128;
/// Copying this many bytes into a stream's window takes as long as decompressing one.
const PRIMES_A_BYTE: usize = 32;

/// Returns what a message counts for in [`Inbound::take_inflated`], besides the bytes that it expands to.
pub(super) fn work_of_message(decoder: &Decoder) -> usize {
    FETCH + decoder.primes() / PRIMES_A_BYTE
}

impl Inbound {
    /// Decompresses the part of a frame's payload that has come. RFC 7692 §6.2: the payload of all
    /// frames of a message, joined, is decompressed; limits and the UTF-8 check apply to the result.
    pub(super) fn inflate(
        &mut self,
        frame: Frame,
        message: Unfinished,
    ) -> Result<ParseStep, ProtocolError> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Err(ProtocolError::Compression);
        };
        let limit = self.config.limits.max_message_size;
        let pieces = message.pieces;
        let came = u64::from(self.end - self.start).min(frame.remaining) as usize;
        let from = self.start as usize;
        let (slab, assembled) = self.memory.both_mut();
        let raw = slab.get_mut(from..from + came).unwrap_or_default();
        let mut mask = frame.mask;
        if let (Some(mask), Some(masked)) = (mask.as_mut(), raw.get_mut(frame.unmasked as usize..))
        {
            mask.apply(masked);
        }
        let last_input = frame.fin && came as u64 == frame.remaining;
        if pieces {
            assembled.clear();
        }
        let mut used = 0;
        let mut size = message.size;
        let done = loop {
            // Room for the usual size of such input: zeroing a whole block for every small message
            // would cost more than decompressing it.
            let likely = raw.len().saturating_mul(8).clamp(LEAST, BLOCK);
            let room = limit.saturating_sub(size as usize).min(likely);
            if pieces && !assembled.is_empty() {
                break false;
            }
            let at = assembled.len();
            // One byte of room more than the limit leaves: it shows whether more is to come, and is
            // never handed out.
            make_room(assembled, room.max(1), limit.saturating_add(1));
            assembled.resize(at + room.max(1), 0);
            let out = assembled.get_mut(at..).unwrap_or_default();
            let progress = decoder.decode(raw.get(used..).unwrap_or_default(), last_input, out)?;
            assembled.truncate(at + progress.produced);
            used += progress.consumed;
            size += progress.produced as u64;
            self.inflated = self.inflated.saturating_add(progress.produced);
            if size > limit as u64 {
                return Err(ProtocolError::MessageTooBig { limit });
            }
            if message.kind == MessageKind::Text {
                self.utf8.push(assembled.get(at..).unwrap_or_default())?;
            }
            if progress.done {
                break true;
            }
            if progress.produced == 0 && progress.consumed == 0 {
                // A decoder that makes no progress would loop forever.
                return Err(ProtocolError::Compression);
            }
        };
        #[cfg(feature = "deflate")]
        self.counters.inflated((size - message.size) as usize, used);
        self.start += used as u32;
        let remaining = frame.remaining - used as u64;
        let unmasked = (came - used) as u32;
        let ended = done && remaining == 0;
        let last = ended && frame.fin;
        self.frame = (!ended).then_some(Frame {
            mask,
            remaining,
            unmasked,
            ..frame
        });
        self.assembly.len = assembled.len();
        let is_empty = assembled.is_empty();
        self.message = Some(Unfinished { size, ..message });
        if pieces {
            if last {
                self.finish(message.kind)?;
            } else if is_empty {
                return Ok(if ended {
                    ParseStep::Next
                } else {
                    ParseStep::Wait
                });
            } else {
                self.message = Some(Unfinished {
                    size,
                    first: false,
                    ..message
                });
            }
            self.assembly.lent = true;
            let span = self.assembled_span(message.kind);
            self.assembly.expected = 0;
            return Ok(ParseStep::Event(Event::Piece(Span {
                first: message.first,
                last,
                ..span
            })));
        }
        if !ended {
            return Ok(ParseStep::Wait);
        }
        if !last {
            return Ok(ParseStep::Next);
        }
        self.finish(message.kind)?;
        let span = self.assembled_span(message.kind);
        // The size of a decompressed message says nothing about what will be read.
        self.assembly.expected = 0;
        Ok(ParseStep::Event(Event::Message(span)))
    }
}
