//! The DEFLATE engine, zlib-rs. No other file names it.
//!
//! What the rest of the crate relies on, and what another engine would have to
//! give: raw streams with windows of 9 to 15 bits, a sync flush that ends in
//! 00 00 FF FF, a preset dictionary for raw streams at any point between
//! messages, and inflating that can stop at the end of a block.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the counters only grow, and the sizes are those of windows of at most 15 bits"
)]

use std::fmt;

use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

/// How far one call of an engine came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
    /// A block with the final bit has ended: nothing goes on before a reset.
    pub(crate) ended: bool,
}

/// The engine cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A raw DEFLATE compressor.
pub(crate) struct Deflate(zlib_rs::Deflate);

impl Deflate {
    /// Level 1 to 9, window 9 to 15 bits: raw streams of 8 bits are refused by
    /// zlib and its kin.
    pub(crate) fn new(level: u8, window_bits: u8) -> Self {
        let bits = window_bits.clamp(9, 15);
        Self(zlib_rs::Deflate::new_with_config(DeflateConfig {
            level: level.clamp(1, 9).into(),
            window_bits: -i32::from(bits),
            mem_level: mem_level(bits),
            ..DeflateConfig::default()
        }))
    }

    /// Compresses; with `flush` also ends on a byte boundary with an empty stored
    /// block, which is complete when `out` is not full afterwards. `out` has to
    /// have room for more than 6 bytes then, or that block is repeated.
    pub(crate) fn compress(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        flush: bool,
    ) -> Result<Step, Broken> {
        let (was_in, was_out) = (self.0.total_in(), self.0.total_out());
        let flush = if flush {
            DeflateFlush::SyncFlush
        } else {
            DeflateFlush::NoFlush
        };
        self.0.compress(input, out, flush).map_err(|_| Broken)?;
        Ok(Step {
            consumed: (self.0.total_in() - was_in) as usize,
            produced: (self.0.total_out() - was_out) as usize,
            ended: false,
        })
    }

    /// Appends plain text to the window without compressing it: at most a window,
    /// at the start or after a flush.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), Broken> {
        self.0.set_dictionary(plain).map(drop).map_err(|_| Broken)
    }

    /// Back to an empty window. Only after a flush: zlib-rs keeps the mark of an
    /// open block (level 1) over a reset.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    /// Bytes that a stream with this window allocates, as measured: window and
    /// chains of 2 bytes a position, a hash table of 128 KiB whatever the window,
    /// symbols by memory level, and the state.
    pub(crate) const fn size(window_bits: u8) -> usize {
        (4 << window_bits) + (128 << 10) + (7 << (mem_level(window_bits) + 6)) + (3 << 10)
    }
}

/// The memory level that goes with a window: 8 with 15 bits, as is the custom.
const fn mem_level(window_bits: u8) -> i32 {
    if window_bits > 11 {
        window_bits as i32 - 7
    } else {
        4
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

/// A raw DEFLATE decompressor. Its window is 32 KiB whatever was agreed.
pub(crate) struct Inflate(zlib_rs::Inflate);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(zlib_rs::Inflate::new(false, 15))
    }

    /// Decompresses until input or room is used up.
    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Broken> {
        self.run(input, out, InflateFlush::NoFlush)
    }

    /// The same, but stops where a block ends.
    pub(crate) fn decompress_block(
        &mut self,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Step, Broken> {
        self.run(input, out, InflateFlush::Block)
    }

    fn run(&mut self, input: &[u8], out: &mut [u8], flush: InflateFlush) -> Result<Step, Broken> {
        let (was_in, was_out) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, out, flush).map_err(|_| Broken)?;
        Ok(Step {
            consumed: (self.0.total_in() - was_in) as usize,
            produced: (self.0.total_out() - was_out) as usize,
            ended: status == Status::StreamEnd,
        })
    }

    /// Appends plain text to the window.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), Broken> {
        self.0.set_dictionary(plain).map(drop).map_err(|_| Broken)
    }

    /// Back to an empty window, from whatever state.
    pub(crate) fn reset(&mut self) {
        self.0.reset(false);
    }

    /// Bytes that a stream allocates, as measured.
    pub(crate) const fn size() -> usize {
        46 << 10
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").finish_non_exhaustive()
    }
}
