//! Masking by words and blocks, in safe code that the compiler vectorizes.
//!
//! There is no loop over single bytes at the ends. The first and last word of a
//! piece are masked as a whole and overlap the rest: most loads consist of
//! short frames, which would spend most of their time in such loops.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a slice, and remainders below a constant"
)]

/// Shorter pieces are masked inline, longer ones by a function that may be
/// compiled for a better CPU.
pub(super) const LONG: usize = TAIL;

/// Masks `data`, of at most 128 bytes, in place, by its two ends. The first
/// byte uses the lowest byte of `key`. If `ASCII`, returns whether the result
/// is ASCII; otherwise the returned value has no meaning.
#[inline]
pub(super) fn short<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    match data.len() {
        64.. => ends::<64, 8, ASCII>(data, key),
        32.. => ends::<32, 4, ASCII>(data, key),
        16.. => ends::<16, 2, ASCII>(data, key),
        8.. => ends::<8, 1, ASCII>(data, key),
        4.. => ends_4::<ASCII>(data, key),
        _ => {
            let mut seen = 0;
            for (byte, key) in data.iter_mut().zip(key.to_le_bytes()) {
                *byte ^= key;
                seen |= *byte;
            }
            seen.is_ascii()
        }
    }
}

/// Masks 16 to 32 bytes like [`short`].
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(super) fn brief<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    ends::<16, 2, ASCII>(data, key)
}

/// Masks `src`, of at most 128 bytes, to `dst` of the same length.
#[inline]
pub(super) fn short_copy(src: &[u8], dst: &mut [u8], key: u32) {
    match src.len() {
        64.. => ends_copy::<64, 8>(src, dst, key),
        32.. => ends_copy::<32, 4>(src, dst, key),
        16.. => ends_copy::<16, 2>(src, dst, key),
        8.. => ends_copy::<8, 1>(src, dst, key),
        4.. => ends_copy_4(src, dst, key),
        _ => {
            for ((src, dst), key) in src.iter().zip(dst).zip(key.to_le_bytes()) {
                *dst = src ^ key;
            }
        }
    }
}

/// Masks `N` to `2 * N` bytes in place; `N` bytes are `W` words.
#[inline(always)]
fn ends<const N: usize, const W: usize, const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    let tail_key = key_word(turn(key, data.len()));
    let Some(tail) = data.last_chunk::<N>() else {
        return true;
    };
    // Read before the head, which may overlap it, is masked.
    let tail = xor::<N, W>(tail, tail_key);
    let mut seen = tail;
    if let Some(start) = data.first_chunk_mut::<N>() {
        let head = xor(start, key_word(key));
        store(start, head);
        seen = or(seen, head);
    }
    if let Some(end) = data.last_chunk_mut::<N>() {
        store(end, tail);
    }
    !ASCII || is_ascii(seen)
}

/// Masks `N` to `2 * N` bytes to `dst`; `N` bytes are `W` words.
#[inline(always)]
fn ends_copy<const N: usize, const W: usize>(src: &[u8], dst: &mut [u8], key: u32) {
    if let (Some(head), Some(start)) = (src.first_chunk::<N>(), dst.first_chunk_mut::<N>()) {
        store(start, xor::<N, W>(head, key_word(key)));
    }
    if let (Some(tail), Some(end)) = (src.last_chunk::<N>(), dst.last_chunk_mut::<N>()) {
        store(end, xor::<N, W>(tail, key_word(turn(key, src.len()))));
    }
}

/// Masks 4 to 8 bytes in place.
#[inline(always)]
fn ends_4<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    let (Some(head), Some(tail)) = (data.first_chunk(), data.last_chunk()) else {
        return true;
    };
    let head = u32::from_le_bytes(*head) ^ key;
    let tail = u32::from_le_bytes(*tail) ^ turn(key, data.len());
    if let Some(start) = data.first_chunk_mut() {
        *start = head.to_le_bytes();
    }
    if let Some(end) = data.last_chunk_mut() {
        *end = tail.to_le_bytes();
    }
    !ASCII || is_ascii([u64::from(head | tail)])
}

/// Masks 4 to 8 bytes to `dst`.
#[inline(always)]
fn ends_copy_4(src: &[u8], dst: &mut [u8], key: u32) {
    if let (Some(head), Some(start)) = (src.first_chunk(), dst.first_chunk_mut()) {
        *start = (u32::from_le_bytes(*head) ^ key).to_le_bytes();
    }
    if let (Some(tail), Some(end)) = (src.last_chunk(), dst.last_chunk_mut()) {
        *end = (u32::from_le_bytes(*tail) ^ turn(key, src.len())).to_le_bytes();
    }
}

/// Masks any length in place, by words from an address that is a multiple of
/// 32: a store across two cache lines costs two stores.
///
/// The loop is flat, over single words, and becomes vector loads and stores.
/// AVX-512 targets compiled a loop over blocks with an inner loop to gathers
/// and scatters, ten times slower than memory.
#[inline(always)]
pub(super) fn long<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    let (Some(head), Some(tail)) = (data.first_chunk(), data.last_chunk()) else {
        return short::<ASCII>(data, key);
    };
    // Read before the loop masks parts of them.
    let head = xor::<HEAD, 4>(head, key_word(key));
    let tail = xor::<TAIL, 16>(tail, key_word(turn(key, data.len())));
    let skip = to_aligned(data);
    let mut seen = 0;
    if let Some(body) = data.get_mut(skip..skip + body_size(data.len(), skip)) {
        let key = key_word(turn(key, skip));
        for bytes in body.chunks_exact_mut(8) {
            if let Some(bytes) = bytes.first_chunk_mut() {
                let word = u64::from_ne_bytes(*bytes) ^ key;
                *bytes = word.to_ne_bytes();
                seen |= word;
            }
        }
    }
    if let Some(start) = data.first_chunk_mut::<HEAD>() {
        store(start, head);
    }
    if let Some(end) = data.last_chunk_mut::<TAIL>() {
        store(end, tail);
    }
    !ASCII || (is_ascii([seen]) & is_ascii(head) & is_ascii(tail))
}

/// Masks any length to `dst`, with aligned stores; see [`long`].
#[inline(always)]
pub(super) fn long_copy(src: &[u8], dst: &mut [u8], key: u32) {
    // Tells the compiler that both have the same length.
    let Some(dst) = dst.get_mut(..src.len()) else {
        return;
    };
    if src.len() < TAIL {
        return short_copy(src, dst, key);
    }
    if let (Some(head), Some(start)) = (src.first_chunk(), dst.first_chunk_mut::<HEAD>()) {
        store(start, xor::<HEAD, 4>(head, key_word(key)));
    }
    let skip = to_aligned(dst);
    let size = body_size(src.len(), skip);
    // Split in two steps, so that the compiler knows that both have `size`
    // bytes.
    let body = src.get(skip..).and_then(|src| src.get(..size));
    let room = dst.get_mut(skip..).and_then(|dst| dst.get_mut(..size));
    if let (Some(src), Some(dst)) = (body, room) {
        let key = key_word(turn(key, skip));
        for (src, dst) in src.chunks_exact(8).zip(dst.chunks_exact_mut(8)) {
            if let (Some(src), Some(dst)) = (src.first_chunk(), dst.first_chunk_mut()) {
                *dst = (u64::from_ne_bytes(*src) ^ key).to_ne_bytes();
            }
        }
    }
    if let (Some(tail), Some(end)) = (src.last_chunk(), dst.last_chunk_mut::<TAIL>()) {
        store(end, xor::<TAIL, 16>(tail, key_word(turn(key, src.len()))));
    }
}

/// The number of bytes masked separately at the start, up to the first aligned
/// address.
const HEAD: usize = 32;

/// The number of bytes masked separately at the end: those of one iteration of
/// the loop as unrolled most by the compiler, so that no words are left over.
const TAIL: usize = 128;

/// The bytes for the loop, a whole number of iterations. The rest is part of
/// the tail.
#[inline(always)]
fn body_size(len: usize, skip: usize) -> usize {
    len.saturating_sub(skip) / TAIL * TAIL
}

/// Returns the key for the byte `count` bytes later.
#[inline(always)]
pub(super) fn turn(key: u32, count: usize) -> u32 {
    key.rotate_right(8 * (count % 4) as u32)
}

/// Returns the key twice, in the byte order of words in memory.
#[inline(always)]
fn key_word(key: u32) -> u64 {
    u64::from_ne_bytes((u64::from(key) << 32 | u64::from(key)).to_le_bytes())
}

/// Returns the number of bytes to the next address that is a multiple of 32: 1
/// to 32.
#[inline(always)]
fn to_aligned(data: &[u8]) -> usize {
    HEAD - data.as_ptr().addr() % HEAD
}

#[inline(always)]
fn xor<const N: usize, const W: usize>(bytes: &[u8; N], key: u64) -> [u64; W] {
    let mut words = [0; W];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        if let Some(bytes) = bytes.first_chunk() {
            *word = u64::from_ne_bytes(*bytes) ^ key;
        }
    }
    words
}

#[inline(always)]
fn store<const N: usize, const W: usize>(bytes: &mut [u8; N], words: [u64; W]) {
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
}

#[inline(always)]
fn or<const W: usize>(mut a: [u64; W], b: [u64; W]) -> [u64; W] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a |= b);
    a
}

#[inline(always)]
fn is_ascii<const W: usize>(words: [u64; W]) -> bool {
    words.iter().fold(0, |seen, word| seen | word) & 0x8080_8080_8080_8080 == 0
}
