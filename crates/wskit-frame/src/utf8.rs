//! UTF-8 validation, whole and in pieces.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts of at most 4 bytes, checked by the branches around them"
)]

use core::fmt;

/// Returns whether `bytes` are a complete valid UTF-8 text.
#[inline]
pub fn is_utf8(bytes: &[u8]) -> bool {
    // Most short texts are ASCII. The vector code copies a last partial block
    // and is slower there than a test by words.
    (bytes.len() <= SHORT && is_ascii(bytes)) || simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Up to this length a test for ASCII by words comes first.
const SHORT: usize = 128;

/// Validates a text that arrives in pieces, which may be cut inside a character
/// (RFC 6455 section 8.1).
///
/// An error is found at the first byte that no valid text can have there, even
/// if the character is not complete yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Utf8Check {
    /// The number of bytes that the incomplete character still needs, 0 to 3.
    missing: u8,
    /// The smallest next byte that is allowed.
    low: u8,
    /// The largest next byte that is allowed.
    high: u8,
}

impl Utf8Check {
    /// Creates a validator at the start of a text.
    #[inline]
    pub const fn new() -> Self {
        Self {
            missing: 0,
            low: 0,
            high: 0,
        }
    }

    /// Validates the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if no continuation can make the text valid. After it,
    /// every further byte and [`finish`](Self::finish) fail too.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if self.is_boundary() && bytes.len() <= SHORT && is_ascii(bytes) {
            return Ok(());
        }
        self.push_seen(bytes)
    }

    /// Validates the next piece, which is known not to be ASCII or to complete a character.
    pub(crate) fn push_seen(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let pushed = self.push_any(bytes);
        if pushed.is_err() {
            *self = Self::FAILED;
        }
        pushed
    }

    fn push_any(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        // What the last piece began ...
        while let (false, Some((byte, rest))) = (self.is_boundary(), bytes.split_first()) {
            self.push_byte(*byte)?;
            bytes = rest;
        }
        // ... then whole characters, then what this one begins.
        let (whole, begun) = split_unfinished(bytes);
        if simdutf8::basic::from_utf8(whole).is_err() {
            return Err(InvalidUtf8);
        }
        begun.iter().try_for_each(|byte| self.push_byte(*byte))
    }

    /// Returns whether the text so far ends between two characters.
    #[inline]
    pub const fn is_boundary(&self) -> bool {
        self.missing == 0
    }

    /// Ends the text.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if the last character is not complete.
    #[inline]
    pub const fn finish(self) -> Result<(), InvalidUtf8> {
        if self.is_boundary() {
            Ok(())
        } else {
            Err(InvalidUtf8)
        }
    }

    /// A state that waits for an impossible byte.
    const FAILED: Self = Self {
        missing: 1,
        low: 1,
        high: 0,
    };

    /// Validates one byte, which continues the incomplete character or starts
    /// one.
    fn push_byte(&mut self, byte: u8) -> Result<(), InvalidUtf8> {
        if self.missing > 0 {
            if byte < self.low || byte > self.high {
                return Err(InvalidUtf8);
            }
            *self = Self {
                missing: self.missing - 1,
                low: 0x80,
                high: 0xbf,
            };
            return Ok(());
        }
        // RFC 3629 section 4. The second byte is bound more narrowly after E0 and
        // F0 (overlong forms), ED (surrogates) and F4 (above U+10FFFF).
        let (missing, low, high) = match byte {
            0x00..=0x7f => (0, 0, 0),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 => (2, 0xa0, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            0x80..=0xc1 | 0xf5..=0xff => return Err(InvalidUtf8),
        };
        *self = Self { missing, low, high };
        Ok(())
    }
}

/// Returns whether all bytes are ASCII. The last word overlaps the one before, which avoids a loop
/// over single bytes: the loop of the standard library is measurable at 125 bytes.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let mut seen = 0;
    if let Some(tail) = bytes.last_chunk() {
        seen = u64::from_ne_bytes(*tail);
        for word in bytes.chunks_exact(8).filter_map(<[u8]>::first_chunk) {
            seen |= u64::from_ne_bytes(*word);
        }
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        seen = u64::from(u32::from_ne_bytes(*head) | u32::from_ne_bytes(*tail));
    } else {
        for byte in bytes {
            seen |= u64::from(*byte);
        }
    }
    seen & 0x8080_8080_8080_8080 == 0
}

/// Splits off an incomplete last character: at most the last three bytes.
///
/// Only the first byte of the character is examined. Each part is validated
/// later.
#[inline]
fn split_unfinished(bytes: &[u8]) -> (&[u8], &[u8]) {
    let last = bytes.iter().rev().take(3).zip(1..);
    for (byte, from_end) in last {
        let size = match byte {
            // Inside a character; its first byte is earlier.
            0x80..=0xbf => continue,
            0x00..=0x7f => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        let begun = if size > from_end { from_end } else { 0 };
        return bytes
            .split_at_checked(bytes.len() - begun)
            .unwrap_or((bytes, &[]));
    }
    (bytes, &[])
}

/// The text is not UTF-8. The peer's fault; close with code 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not valid UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}
