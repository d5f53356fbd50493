//! Masking, RFC 6455 section 5.3.

use crate::{InvalidUtf8, Utf8Check};

// Miri cannot run functions compiled for features that its target lacks; it
// checks the safe loops.
#[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;
mod words;

#[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
use avx2 as blocks;
#[cfg(not(all(target_arch = "x86_64", feature = "std", not(miri))))]
use words as blocks;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use sse2 as ends;
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
use words as ends;

/// Masks and unmasks a payload piece by piece. Both are the same operation.
///
/// Byte `i` of a payload is XORed with byte `i mod 4` of the key (RFC 6455
/// section 5.3). `Mask` keeps the position in the key for the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mask {
    /// The key, rotated so that its lowest byte is for the next byte of payload.
    key: u32,
}

impl Mask {
    /// Creates a mask for the start of a payload.
    #[inline]
    pub const fn new(key: [u8; 4]) -> Self {
        Self {
            key: u32::from_le_bytes(key),
        }
    }

    /// Masks `data`, the next piece of the payload, in place.
    #[inline]
    pub fn apply(&mut self, data: &mut [u8]) {
        let key = self.advance(data.len());
        match data.len() {
            // Inlined: a call takes more instructions than the masking of so few bytes.
            16..=32 => {
                ends::brief::<false>(data, key);
            }
            ..words::LONG => {
                short::<false>(data, key);
            }
            _ => {
                long::<false>(data, key);
            }
        }
    }

    /// Masks `data`, the next piece of the payload, in place. Returns whether
    /// all of the result is ASCII, which is nearly free in the same pass.
    ///
    /// If it is not ASCII, `data` must be read again to be validated, so pass
    /// pieces that fit a first-level cache. [`apply_text`](Self::apply_text)
    /// splits the data itself.
    #[inline]
    pub fn apply_ascii(&mut self, data: &mut [u8]) -> bool {
        let key = self.advance(data.len());
        match data.len() {
            16..=32 => ends::brief::<true>(data, key),
            ..words::LONG => short::<true>(data, key),
            _ => long::<true>(data, key),
        }
    }

    /// Masks the next piece of the payload from `src` to `dst`. Its length is
    /// that of the shorter slice. The rest of `dst` is not changed.
    #[inline]
    pub fn copy(&mut self, src: &[u8], dst: &mut [u8]) {
        let len = src.len().min(dst.len());
        let key = self.advance(len);
        if let (Some(src), Some(dst)) = (src.get(..len), dst.get_mut(..len)) {
            if len < words::LONG {
                words::short_copy(src, dst, key);
            } else {
                long_copy(src, dst, key);
            }
        }
    }

    /// Unmasks `data`, the next piece of a text, in place, and validates it.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if no continuation can make the text valid. Part of
    /// `data` may still be masked then, as the connection is failed.
    #[inline]
    pub fn apply_text(&mut self, data: &mut [u8], utf8: &mut Utf8Check) -> Result<(), InvalidUtf8> {
        if data.len() <= TEXT_PIECE {
            return self.apply_text_piece(data, utf8);
        }
        data.chunks_mut(TEXT_PIECE)
            .try_for_each(|piece| self.apply_text_piece(piece, utf8))
    }

    #[inline]
    fn apply_text_piece(
        &mut self,
        piece: &mut [u8],
        utf8: &mut Utf8Check,
    ) -> Result<(), InvalidUtf8> {
        if self.apply_ascii(piece) && utf8.is_boundary() {
            return Ok(());
        }
        utf8.push_seen(piece)
    }

    /// Advances by `count` bytes and returns the key for the first of them.
    #[inline]
    fn advance(&mut self, count: usize) -> u32 {
        let key = self.key;
        self.key = words::turn(key, count);
        key
    }
}

/// The size of a piece of text that stays in the first-level cache between
/// unmasking and validation.
const TEXT_PIECE: usize = 8 * 1024;

#[inline(never)]
fn short<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    ends::short::<ASCII>(data, key)
}

// Not inlined, as the code is long.
#[inline(never)]
fn long<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    blocks::long::<ASCII>(data, key)
}

#[inline(never)]
fn long_copy(src: &[u8], dst: &mut [u8], key: u32) {
    blocks::long_copy(src, dst, key);
}
