//! The payload of data frames: unmasked, checked, put together or handed out in pieces.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within buffers; what is taken was compared with what is there"
)]

use wskit_frame::{Mask, Utf8Check};

use super::buffers::ahead;
use super::{BLOCK, EXPECTED_MAX, Frame, LARGE, Open, Receiver, SURPLUS, Span};
use crate::error::ProtocolError;
use crate::event::Event;
use crate::message::MessageKind;
use crate::pool::{self, READ_SLAB};

/// What one look at the input led to.
pub(super) enum Progress {
    Event(Event<Span, Span>),
    Next,
    Wait,
}

impl Receiver {
    /// Takes what has come of a data frame's payload.
    pub(super) fn payload(&mut self, frame: Frame) -> Result<Progress, ProtocolError> {
        let Some(message) = self.message else {
            // A data frame always has its message; were it not so, this is the peer's error 1002.
            return Err(ProtocolError::UnexpectedContinuation);
        };
        if message.compressed {
            return self.payload_compressed(frame, message);
        }
        let skip = if message.in_slab { message.done } else { 0 };
        let from = (self.start + skip).min(self.end);
        let came = u64::from(self.end - from).min(frame.remaining) as u32;
        let remaining = frame.remaining - u64::from(came);
        let (slab, own) = self.memory.both_mut();
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
                self.message = Some(Open { done, ..message });
                return Ok(Progress::Wait);
            }
            let item = Span {
                from: self.start,
                to: self.start + done,
                kind: message.kind,
                own: false,
                first: true,
                last: true,
            };
            self.start += done;
            self.finish(message.kind)?;
            return Ok(Progress::Event(Event::Message(item)));
        }

        if message.pieces {
            self.start += came;
            let last = ended && frame.fin;
            if last {
                self.finish(message.kind)?;
            } else if came == 0 {
                return Ok(if ended {
                    Progress::Next
                } else {
                    Progress::Wait
                });
            } else {
                self.message = Some(Open {
                    first: false,
                    ..message
                });
            }
            let item = Span {
                from,
                to: from + came,
                kind: message.kind,
                own: false,
                first: message.first,
                last,
            };
            return Ok(Progress::Event(Event::Piece(item)));
        }

        // For a header alone there is no room, and what has been made ready for reading stays ready.
        if came == 0 && !ended {
            return Ok(Progress::Wait);
        }
        own.truncate(self.own_done);
        // What will be read straight into the buffer is made room for at once, not by moving it.
        let direct = remaining >= LARGE as u64 && (raw.len() >= LARGE || self.expected > 0);
        let more = if direct {
            ahead(raw.len(), remaining, self.expected)
        } else {
            0
        };
        if own.capacity() == 0 && more > 0 {
            *own = pool::take_large(raw.len() + more);
        }
        make_room(
            own,
            raw.len() + more,
            self.config.limits.max_message_size.saturating_add(SURPLUS),
        );
        own.extend_from_slice(raw);
        self.own_done = own.len();
        self.start += came;
        if !ended {
            return Ok(Progress::Wait);
        }
        if !frame.fin {
            return Ok(Progress::Next);
        }
        self.finish(message.kind)?;
        Ok(Progress::Event(Event::Message(self.own_item(message.kind))))
    }

    /// RFC 7692 §6.2: the payload of all frames of the message, joined, is decompressed; limits and
    /// the UTF-8 check apply to what comes out.
    pub(super) fn payload_compressed(
        &mut self,
        frame: Frame,
        message: Open,
    ) -> Result<Progress, ProtocolError> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Err(ProtocolError::Compression);
        };
        let limit = self.config.limits.max_message_size;
        let pieces = message.pieces;
        let came = u64::from(self.end - self.start).min(frame.remaining) as usize;
        let from = self.start as usize;
        let (slab, own) = self.memory.both_mut();
        let raw = slab.get_mut(from..from + came).unwrap_or_default();
        let mut mask = frame.mask;
        if let (Some(mask), Some(masked)) = (mask.as_mut(), raw.get_mut(frame.plain as usize..)) {
            mask.apply(masked);
        }
        let last_input = frame.fin && came as u64 == frame.remaining;
        if pieces {
            own.clear();
        }
        let mut used = 0;
        let mut size = message.size;
        let done = loop {
            // Room for what such input mostly becomes: zeroing a whole block for every small message
            // would cost more than expanding it.
            let likely = raw.len().saturating_mul(8).clamp(LEAST, BLOCK);
            let room = limit.saturating_sub(size as usize).min(likely);
            if pieces && !own.is_empty() {
                break false;
            }
            let at = own.len();
            // One byte of room more than the limit leaves: it shows whether there is more to come,
            // and is never handed out.
            make_room(own, room.max(1), limit.saturating_add(1));
            own.resize(at + room.max(1), 0);
            let out = own.get_mut(at..).unwrap_or_default();
            let progress = decoder.decode(raw.get(used..).unwrap_or_default(), last_input, out)?;
            own.truncate(at + progress.produced);
            used += progress.consumed;
            size += progress.produced as u64;
            self.inflated = self.inflated.saturating_add(progress.produced);
            if size > limit as u64 {
                return Err(ProtocolError::MessageTooBig { limit });
            }
            if message.kind == MessageKind::Text {
                self.utf8.push(own.get(at..).unwrap_or_default())?;
            }
            if progress.done {
                break true;
            }
            if progress.produced == 0 && progress.consumed == 0 {
                // A decoder that neither takes nor gives would spin.
                return Err(ProtocolError::Compression);
            }
        };
        #[cfg(feature = "deflate")]
        self.tally.inflated((size - message.size) as usize, used);
        self.start += used as u32;
        let remaining = frame.remaining - used as u64;
        let plain = (came - used) as u32;
        let ended = done && remaining == 0;
        let last = ended && frame.fin;
        self.frame = (!ended).then_some(Frame {
            mask,
            remaining,
            plain,
            ..frame
        });
        self.own_done = own.len();
        let is_empty = own.is_empty();
        self.message = Some(Open { size, ..message });
        if pieces {
            if last {
                self.finish(message.kind)?;
            } else if is_empty {
                return Ok(if ended {
                    Progress::Next
                } else {
                    Progress::Wait
                });
            } else {
                self.message = Some(Open {
                    size,
                    first: false,
                    ..message
                });
            }
            self.own_lent = true;
            let item = self.own_item(message.kind);
            self.expected = 0;
            return Ok(Progress::Event(Event::Piece(Span {
                first: message.first,
                last,
                ..item
            })));
        }
        if !ended {
            return Ok(Progress::Wait);
        }
        if !last {
            return Ok(Progress::Next);
        }
        self.finish(message.kind)?;
        let item = self.own_item(message.kind);
        // What it unpacks to says nothing about what will come.
        self.expected = 0;
        Ok(Progress::Event(Event::Message(item)))
    }

    /// The message is whole. §5.6: text is valid UTF-8 as a whole.
    pub(super) fn finish(&mut self, kind: MessageKind) -> Result<(), ProtocolError> {
        self.frame = None;
        self.message = None;
        if kind == MessageKind::Text {
            self.utf8.finish()?;
        }
        Ok(())
    }

    pub(super) fn own_item(&mut self, kind: MessageKind) -> Span {
        self.memory.own_mut().truncate(self.own_done);
        self.tried = false;
        self.expected = if self.own_done > READ_SLAB {
            (self.own_done + SURPLUS).min(EXPECTED_MAX) as u32
        } else {
            0
        };
        self.own_lent = true;
        Span {
            from: 0,
            to: 0,
            kind,
            own: true,
            first: true,
            last: true,
        }
    }
}

/// Makes room for `more` bytes: doubled as any `Vec`, but no further than `limit`, so that a message
/// holds at most what it may be long.
pub(super) fn make_room(own: &mut Vec<u8>, more: usize, limit: usize) {
    let (len, capacity) = (own.len(), own.capacity());
    if capacity - len < more {
        let doubled = capacity
            .saturating_mul(2)
            .max(LEAST)
            .min(limit)
            .saturating_sub(len);
        own.reserve_exact(doubled.max(more));
    }
}

/// The first room of a message that is put together, in bytes.
const LEAST: usize = 64;

/// Unmasks and, for text, checks a run of payload. §8.1: text fails at its first impossible byte,
/// even inside an unfinished frame.
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
