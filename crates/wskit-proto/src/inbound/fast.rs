//! The fast path: the next message, if it is one whole uncompressed frame in the slab.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab, which has at most about 1 MiB"
)]

use wskit_frame::{Mask, Masking, is_utf8};

use super::{Inbound, Span};
use crate::config::{Config, Limits};
use crate::message::MessageKind;
use crate::role::Role;

/// What the fast path has to know.
pub(super) struct Fast {
    enabled: bool,
    pub(super) masked: bool,
    /// Payloads of a frame with a 7-bit length that it may take are shorter than this; 0 where it may not look
    /// at the input, and where frames are not masked. One comparison says all of it.
    short: u8,
    /// The largest message that it may take, in bytes.
    max: u32,
}

impl Fast {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        let mut fast = Self {
            enabled: true,
            masked: role.expects() == Masking::Required,
            short: 0,
            max: 0,
        };
        fast.set_limits(config.limits);
        fast
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        let max = limits.max_message_size.min(limits.max_frame_size);
        self.max = u32::try_from(max).unwrap_or(u32::MAX);
        self.enable(self.enabled);
    }

    /// Returns whether it may look at the input: reading has not ended, no frame or message is unfinished, no
    /// part of a header has been set aside, and no assembled message is lent.
    #[inline]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
        self.short = if enabled && self.masked {
            self.max.min(125) as u8 + 1
        } else {
            0
        };
    }
}

/// The size of the header of a masked frame with a 7-bit length.
const SHORT_HEAD: usize = 6;

impl Inbound {
    #[inline(always)]
    pub(super) fn parse_fast(&mut self) -> Option<Span> {
        let (start, end) = (self.start as usize, self.end as usize);
        if start == end {
            return None;
        }
        let slab = self.memory.slab_mut();
        // What servers mostly receive: a masked frame with a 7-bit length. Bytes beyond the end are not looked
        // at, because a frame whose header has not come ends beyond it, whatever they say.
        let Some(word) = slab.get(start..start + 8).and_then(<[u8]>::first_chunk) else {
            return self.parse_fast_any();
        };
        // With the bits inverted that must be set, FIN and text or binary is 1 or 2, and the second byte is
        // the length (§5.2).
        let word = u64::from_le_bytes(*word) ^ 0x8080;
        let (opcode, len) = (word as u8, (word >> 8) as u8);
        if opcode.wrapping_sub(1) > 1 || len >= self.fast.short {
            return self.parse_fast_any();
        }
        let from = start + SHORT_HEAD;
        let to = from + usize::from(len);
        if to > end {
            return None;
        }
        let payload = slab.get_mut(from..to)?;
        let mut mask = Mask::new(((word >> 16) as u32).to_le_bytes());
        let (from, to) = (from as u32, to as u32);
        self.start = to;
        let mut span = Span::whole(from, to, MessageKind::Binary);
        if opcode == 2 {
            mask.apply(payload);
        } else {
            span.kind = MessageKind::Text;
            if !mask.apply_ascii(payload) && !is_utf8(payload) {
                self.invalid_text();
                return None;
            }
            self.memory.lend_text(span);
        }
        Some(span)
    }

    /// Finds out whether the fast path may look at the input.
    pub(super) fn look_again(&mut self) {
        let idle = self.frame.is_none() && self.message.is_none() && !self.invalid_text;
        self.fast
            .enable(idle && !self.assembly.lent && !self.ended && self.partial.is_none());
    }

    /// Leaves the error for the full parser, which cannot see the text any more.
    #[cold]
    fn invalid_text(&mut self) {
        self.invalid_text = true;
        self.fast.enable(false);
    }

    /// The fast path for every size and either role.
    #[inline(never)]
    fn parse_fast_any(&mut self) -> Option<Span> {
        if !self.fast.enabled {
            return None;
        }
        let bytes = self
            .memory
            .slab_mut()
            .get_mut(self.start as usize..self.end as usize)?;
        // The longest header of such a frame is 8 bytes: they are looked at as one number, the first
        // byte lowest. A missing byte of a shorter frame shows when its payload is taken.
        let word = match bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => load_le(bytes),
        };
        // §5.2: FIN and text or binary, no reserved bit.
        let kind = match word as u8 {
            0x82 => MessageKind::Binary,
            0x81 => MessageKind::Text,
            _ => return None,
        };
        let second = (word >> 8) as u8;
        if (second & 0x80 != 0) != self.fast.masked {
            return None;
        }
        let (size, len) = match second & 0x7f {
            126 => {
                let len = usize::from(((word >> 16) as u16).swap_bytes());
                // §5.2: the shortest form; the full parser names the error.
                if len < 126 {
                    return None;
                }
                (4, len)
            }
            127 => return None,
            short => (2, usize::from(short)),
        };
        if len > self.fast.max as usize {
            return None;
        }
        let head = if self.fast.masked { size + 4 } else { size };
        let payload = bytes.get_mut(head..head + len)?;
        let from = self.start + head as u32;
        let to = from + len as u32;
        self.start = to;
        let span = Span::whole(from, to, kind);
        let mask = self
            .fast
            .masked
            .then(|| Mask::new(((word >> (8 * size)) as u32).to_le_bytes()));
        match kind {
            MessageKind::Binary => {
                if let Some(mut mask) = mask {
                    mask.apply(payload);
                }
            }
            MessageKind::Text if is_text(mask, payload) => self.memory.lend_text(span),
            MessageKind::Text => {
                self.invalid_text();
                return None;
            }
        }
        Some(span)
    }
}

/// Unmasks a whole text and returns whether it is UTF-8.
#[inline(never)]
fn is_text(mask: Option<Mask>, payload: &mut [u8]) -> bool {
    mask.is_some_and(|mut mask| mask.apply_ascii(payload)) || is_utf8(payload)
}

/// Loads fewer than 8 bytes as a little-endian number.
#[cold]
#[inline(never)]
fn load_le(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}
