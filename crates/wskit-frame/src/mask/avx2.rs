//! The block loops of [`words`](super::words) compiled for AVX2, chosen at run time.
//!
//! `unsafe` is needed only for the calls: a function compiled for a CPU feature is an illegal
//! instruction on a CPU without it. The functions themselves are safe code. AVX-512 is not used:
//! the oldest supported Rust cannot select it at run time, and it gained nothing on Zen 4 and a
//! quarter of the time on Zen 5, from 16 KiB on.
#![allow(
    unsafe_code,
    reason = "calls of target_feature functions, each after detection"
)]

use super::words;

/// Runs [`words::long`] with AVX2 if the CPU has it.
#[inline]
pub(super) fn long<const ASCII: bool>(data: &mut [u8], key: u32) -> bool {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, the only requirement of the function.
        unsafe { long_avx2::<ASCII>(data, key) }
    } else {
        without::<ASCII>(data, key)
    }
}

/// Runs [`words::long_copy`] with AVX2 if the CPU has it.
#[inline]
pub(super) fn long_copy(src: &[u8], dst: &mut [u8], key: u32) {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, the only requirement of the function.
        unsafe { long_copy_avx2(src, dst, key) }
    } else {
        copy_without(src, dst, key);
    }
}

// A function of its own, so that the AVX2 path saves no registers for it.
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
