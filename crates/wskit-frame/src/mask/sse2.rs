//! Masking of short pieces in SSE2, which every x86-64 CPU has.
//!
//! Without the test for ASCII the compiler generates the same code from
//! [`words`](super::words). With it, it falls back to single words and spills
//! them: masking a text of 125 bytes then takes two and a half times as long.
//! No form of safe code avoided that.
#![allow(
    unsafe_code,
    reason = "SSE2 is part of the target, and addresses come from references"
)]

use core::arch::x86_64::{
    __m128i, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi32, _mm_setzero_si128,
    _mm_storeu_si128, _mm_xor_si128,
};

use super::words::{self, turn};

/// Replaces [`words::short`].
#[inline]
pub(super) fn short<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    match data.len() {
        64.. if ASCII => ends::<64, 4>(data, key),
        32.. if ASCII => ends::<32, 2>(data, key),
        16.. if ASCII => ends::<16, 1>(data, key),
        _ => words::short::<ASCII>(data, key),
    }
}

/// Masks 16 to 32 bytes like [`short`].
#[inline(always)]
pub(super) fn brief<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    ends::<16, 1>(data, key)
}

/// Masks `N` to `2 * N` bytes, where `N` bytes are `V` vectors: the two ends,
/// which may overlap. Returns whether the result is ASCII.
#[inline(always)]
fn ends<const N: usize, const V: usize>(data: &mut [u8], key: u32) -> bool {
    let tail_key = splat(turn(key, data.len()));
    let Some(tail) = data.last_chunk::<N>() else {
        return true;
    };
    // Read before the head, which may overlap it, is masked.
    let tail = masked::<N, V>(tail, tail_key);
    let mut seen = zero();
    if let Some(start) = data.first_chunk_mut::<N>() {
        let head = masked::<N, V>(start, splat(key));
        store(start, head, &mut seen);
    }
    if let Some(end) = data.last_chunk_mut::<N>() {
        store(end, tail, &mut seen);
    }
    is_ascii(seen)
}

#[inline(always)]
fn masked<const N: usize, const V: usize>(bytes: &[u8; N], key: __m128i) -> [__m128i; V] {
    let mut vectors = [key; V];
    for (vector, bytes) in vectors.iter_mut().zip(bytes.chunks_exact(16)) {
        if let Some(bytes) = bytes.first_chunk::<16>() {
            // SAFETY: the CPU has SSE2, and sixteen bytes may be read there; the
            // load asks for no alignment.
            *vector = unsafe { _mm_xor_si128(_mm_loadu_si128(bytes.as_ptr().cast()), *vector) };
        }
    }
    vectors
}

#[inline(always)]
fn store<const N: usize, const V: usize>(
    bytes: &mut [u8; N],
    vectors: [__m128i; V],
    seen: &mut __m128i,
) {
    for (bytes, vector) in bytes.chunks_exact_mut(16).zip(vectors) {
        if let Some(bytes) = bytes.first_chunk_mut::<16>() {
            // SAFETY: the CPU has SSE2, and sixteen bytes may be written there; the
            // store asks for no alignment.
            unsafe {
                _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector);
                *seen = _mm_or_si128(*seen, vector);
            }
        }
    }
}

#[inline(always)]
fn splat(key: u32) -> __m128i {
    // SAFETY: the CPU has SSE2.
    unsafe { _mm_set1_epi32(i32::from_ne_bytes(key.to_ne_bytes())) }
}

#[inline(always)]
fn zero() -> __m128i {
    // SAFETY: the CPU has SSE2.
    unsafe { _mm_setzero_si128() }
}

#[inline(always)]
fn is_ascii(seen: __m128i) -> bool {
    // SAFETY: the CPU has SSE2.
    unsafe { _mm_movemask_epi8(seen) == 0 }
}
