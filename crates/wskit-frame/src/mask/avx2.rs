//! The block loops of [`words`](super::words) compiled for AVX2, chosen at run time.
//!
//! `unsafe` for the calls alone: calling a function that is compiled for a CPU
//! feature is unsafe, as a CPU without it would meet an illegal instruction. The
//! functions themselves are safe code. AVX-512 is left alone: the oldest Rust that
//! we support cannot choose it at run time, and it gained nothing on Zen 4 and a
//! quarter of the time on Zen 5, from 16 KiB on.
#![allow(
    unsafe_code,
    reason = "calls of target_feature functions, each after detection"
)]

use super::words;

/// As [`words::long`].
#[inline]
pub(super) fn long<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, which is all that the function asks for.
        unsafe { long_avx2::<ASCII>(data, key) }
    } else {
        without::<ASCII>(data, key)
    }
}

/// As [`words::long_copy`].
#[inline]
pub(super) fn long_copy(src: &[u8], dst: &mut [u8], key: u32) {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, which is all that the function asks for.
        unsafe { long_copy_avx2(src, dst, key) }
    } else {
        copy_without(src, dst, key);
    }
}

// Apart, so that the way to AVX2 saves no registers for this one.
#[cold]
#[inline(never)]
fn without<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    words::long::<ASCII>(data, key)
}

#[cold]
#[inline(never)]
fn copy_without(src: &[u8], dst: &mut [u8], key: u32) {
    words::long_copy(src, dst, key);
}

/// # Safety
///
/// The CPU must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn long_avx2<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    words::long::<ASCII>(data, key)
}

/// # Safety
///
/// The CPU must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn long_copy_avx2(src: &[u8], dst: &mut [u8], key: u32) {
    words::long_copy(src, dst, key);
}
