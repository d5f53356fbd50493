//! The fast path: the next message, if it is one whole uncompressed frame in the slab.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab, which has at most about 1 MiB"
)]

use wskit_frame::{Mask, Masking, is_utf8};

use super::{Inbound, Span};
use crate::config::{Config, Limits};
use crate::error::ProtocolError;
use crate::message::MessageKind;
use crate::role::Role;

/// What the fast path has to know.
pub(super) struct Fast {
    /// Whether it may look at the input: reading has not ended, no frame or message is unfinished, and
    /// no assembled message is lent.
    pub(super) enabled: bool,
    pub(super) masked: bool,
    /// The largest payload of a frame with a 7-bit length that it may take.
    max_short: u8,
    /// The largest message that it may take, in bytes.
    max: u32,
}

impl Fast {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        let mut fast = Self {
            enabled: true,
            masked: role.expects() == Masking::Required,
            max_short: 0,
            max: 0,
        };
        fast.set_limits(config.limits);
        fast
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        let max = limits.max_message_size.min(limits.max_frame_size);
        self.max = u32::try_from(max).unwrap_or(u32::MAX);
        self.max_short = self.max.min(125) as u8;
    }
}

/// The size of the header of a masked frame with a 7-bit length.
const SHORT_HEAD: usize = 6;

impl Inbound {
    #[inline(always)]
    pub(super) fn parse_fast(&mut self) -> Option<Span> {
        if !(self.fast.enabled & self.fast.masked) {
            return self.parse_fast_any();
        }
        let bytes = self
            .memory
            .slab_mut()
            .get_mut(self.start as usize..self.end as usize)?;
        // What servers mostly receive: a masked frame with a 7-bit length. With the bits inverted that
        // must be set, FIN and text or binary is 1 or 2, and the second byte is the length (§5.2).
        let Some(word) = bytes.first_chunk() else {
            return if bytes.is_empty() {
                None
            } else {
                self.parse_fast_any()
            };
        };
        let word = u64::from_le_bytes(*word) ^ 0x8080;
        let (opcode, len) = (word as u8, (word >> 8) as u8);
        if opcode.wrapping_sub(1) > 1 || len > self.fast.max_short {
            return self.parse_fast_any();
        }
        let payload = bytes.get_mut(SHORT_HEAD..SHORT_HEAD + usize::from(len))?;
        let mut mask = Mask::new(((word >> 16) as u32).to_le_bytes());
        let from = self.start + SHORT_HEAD as u32;
        let to = from + u32::from(len);
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

    /// Leaves the error of an invalid text for the full parser, which cannot see the text any more.
    #[cold]
    fn invalid_text(&mut self) {
        self.error = Some(ProtocolError::InvalidUtf8);
        self.fast.enabled = false;
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
