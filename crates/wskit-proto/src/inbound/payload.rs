//! The payload of data frames: unmasked, checked, assembled or handed out in pieces.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within buffers; what is taken was compared with what is there"
)]

use wskit_frame::{Mask, Utf8Check};

use super::frames::{Frame, ParseStep, Unfinished};
use super::read_buf::{LARGE, SURPLUS, ahead};
use super::{Inbound, Span};
use crate::error::ProtocolError;
use crate::event::Event;
use crate::message::MessageKind;
use crate::pool::{self, LARGE_MAX, READ_SLAB};

impl Inbound {
    /// Takes the part of a data frame's payload that has come.
    pub(super) fn payload(&mut self, frame: Frame) -> Result<ParseStep, ProtocolError> {
        let Some(message) = self.message else {
            // A data frame always has its message; if not, it is an error of the peer's (1002).
            return Err(ProtocolError::UnexpectedContinuation);
        };
        if message.compressed {
            return self.inflate(frame, message);
        }
        let skip = if message.in_slab { message.done } else { 0 };
        let from = (self.start + skip).min(self.end);
        let came = u64::from(self.end - from).min(frame.remaining) as u32;
        let remaining = frame.remaining - u64::from(came);
        let (slab, assembled) = self.memory.both_mut();
        let raw = slab
            .get_mut(from as usize..(from + came) as usize)
            .unwrap_or_default();
        let mut mask = frame.mask;
        check(&mut self.utf8, message.kind, mask.as_mut(), raw)?;
        let ended = remaining == 0;
        self.frame = (!ended).then_some(Frame {
            mask,
            remaining,
            ..frame
        });

        if message.in_slab {
            let done = message.done + came;
            if !ended {
                self.message = Some(Unfinished { done, ..message });
                return Ok(ParseStep::Wait);
            }
            let span = Span::whole(self.start, self.start + done, message.kind);
            self.start += done;
            self.finish(message.kind)?;
            return Ok(ParseStep::Event(Event::Message(span)));
        }

        if message.pieces {
            self.start += came;
            let last = ended && frame.fin;
            if last {
                self.finish(message.kind)?;
            } else if came == 0 {
                return Ok(if ended {
                    ParseStep::Next
                } else {
                    ParseStep::Wait
                });
            } else {
                self.message = Some(Unfinished {
                    first: false,
                    ..message
                });
            }
            return Ok(ParseStep::Event(Event::Piece(Span {
                first: message.first,
                last,
                ..Span::whole(from, from + came, message.kind)
            })));
        }

        // A header alone makes no room, and room that is ready for reading stays.
        if came == 0 && !ended {
            return Ok(ParseStep::Wait);
        }
        assembled.truncate(self.assembly.len);
        // Make room at once for bytes that will be read straight into the buffer, so that the message is
        // not moved.
        let direct =
            remaining >= LARGE as u64 && (raw.len() >= LARGE || self.assembly.expected > 0);
        let more = if direct {
            ahead(raw.len(), remaining, self.assembly.expected)
        } else {
            0
        };
        if assembled.capacity() == 0 && more > 0 {
            *assembled = pool::take_large(raw.len() + more);
            assembled.clear();
        }
        make_room(
            assembled,
            raw.len() + more,
            self.config.limits.max_message_size.saturating_add(SURPLUS),
        );
        assembled.extend_from_slice(raw);
        self.assembly.len = assembled.len();
        self.start += came;
        if !ended {
            return Ok(ParseStep::Wait);
        }
        if !frame.fin {
            return Ok(ParseStep::Next);
        }
        self.finish(message.kind)?;
        Ok(ParseStep::Event(Event::Message(
            self.assembled_span(message.kind),
        )))
    }

    /// Ends the message. §5.6: a text is valid UTF-8 as a whole.
    pub(super) fn finish(&mut self, kind: MessageKind) -> Result<(), ProtocolError> {
        self.frame = None;
        self.message = None;
        if kind == MessageKind::Text {
            self.utf8.finish()?;
        }
        Ok(())
    }

    /// Lends the assembled buffer, and expects the next message to be as large.
    pub(super) fn assembled_span(&mut self, kind: MessageKind) -> Span {
        self.memory.assembled_mut().truncate(self.assembly.len);
        self.assembly.expected_missed = false;
        self.assembly.expected = if self.assembly.len > READ_SLAB {
            // A little smaller than before is no reason to move the next message when it is not.
            let before = self.assembly.expected as usize;
            let like_this = (self.assembly.len + SURPLUS).max(before - before / 4);
            like_this.min(LARGE_MAX) as u32
        } else {
            0
        };
        self.assembly.lent = true;
        Span {
            assembled: true,
            ..Span::whole(0, 0, kind)
        }
    }
}

/// Makes room for `more` bytes. The capacity doubles like that of any `Vec`, but not beyond `limit`, so
/// that a message takes no more memory than its largest size.
pub(super) fn make_room(assembled: &mut Vec<u8>, more: usize, limit: usize) {
    let (len, capacity) = (assembled.len(), assembled.capacity());
    if capacity - len < more {
        let doubled = capacity
            .saturating_mul(2)
            .max(LEAST)
            .min(limit)
            .saturating_sub(len);
        assembled.reserve_exact(doubled.max(more));
    }
}

/// The first room of a message that is assembled, in bytes.
pub(super) const LEAST: usize = 64;

/// Unmasks a run of payload, and checks it if it is text. §8.1: text fails at its first impossible
/// byte, even inside an unfinished frame.
#[inline]
pub(super) fn check(
    utf8: &mut Utf8Check,
    kind: MessageKind,
    mask: Option<&mut Mask>,
    raw: &mut [u8],
) -> Result<(), ProtocolError> {
    match (kind, mask) {
        (MessageKind::Binary, Some(mask)) => mask.apply(raw),
        (MessageKind::Binary, None) => {}
        (MessageKind::Text, Some(mask)) => {
            if !(mask.apply_ascii(raw) && utf8.is_boundary()) {
                utf8.push(raw)?;
            }
        }
        (MessageKind::Text, None) => utf8.push(raw)?,
    }
    Ok(())
}
