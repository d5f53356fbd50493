//! The DEFLATE engine, zlib-rs. No other file names it.
//!
//! The rest of the crate relies on the following, which another engine would
//! have to provide: raw streams with windows of 9 to 15 bits, a sync flush that
//! ends in 00 00 FF FF, a preset dictionary for raw streams at any point
//! between messages, and inflating that can stop at the end of a block.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the counters only grow, and the sizes are those of windows of at most 15 bits"
)]

use std::fmt;

use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

/// The result of one call of an engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
    /// A block with the final bit has ended. The stream needs a reset to
    /// continue.
    pub(crate) ended: bool,
}

/// The engine cannot continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A raw DEFLATE compressor.
pub(crate) struct Deflate(zlib_rs::Deflate);

impl Deflate {
    /// Creates a stream with level 1 to 9 and a window of 9 to 15 bits. zlib
    /// and its derivatives refuse raw streams of 8 bits.
    pub(crate) fn new(level: u8, window_bits: u8) -> Self {
        let bits = window_bits.clamp(9, 15);
        Self(zlib_rs::Deflate::new_with_config(DeflateConfig {
            level: level.clamp(1, 9).into(),
            window_bits: -i32::from(bits),
            mem_level: mem_level(bits),
            ..DeflateConfig::default()
        }))
    }

    /// Compresses. With `flush` it also ends on a byte boundary with an empty
    /// stored block, which is complete if `out` is not full afterwards. `out`
    /// must then have room for more than 6 bytes, or that block is repeated.
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

    /// Appends uncompressed text to the window without compressing it: at most
    /// a window, at the start or after a flush.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), Broken> {
        self.0.set_dictionary(plain).map(drop).map_err(|_| Broken)
    }

    /// Resets to an empty window. Only after a flush: zlib-rs keeps the mark of
    /// an open block (level 1) across a reset.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    /// Returns the bytes that a stream with this window allocates, as measured:
    /// window and chains of 2 bytes per position, a hash table of 128 KiB for
    /// any window, symbols by memory level, and the state.
    pub(crate) const fn size(window_bits: u8) -> usize {
        (4 << window_bits) + (128 << 10) + (7 << (mem_level(window_bits) + 6)) + (3 << 10)
    }
}

/// Returns the memory level for a window: 8 for 15 bits, as is customary.
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

/// A raw DEFLATE decompressor. Its window is always 32 KiB.
pub(crate) struct Inflate(zlib_rs::Inflate);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(zlib_rs::Inflate::new(false, 15))
    }

    /// Decompresses until the input or the room is used up.
    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Broken> {
        self.run(input, out, InflateFlush::NoFlush)
    }

    /// Decompresses until the input or the room is used up, or a block ends.
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

    /// Appends uncompressed text to the window.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), Broken> {
        self.0.set_dictionary(plain).map(drop).map_err(|_| Broken)
    }

    /// Resets to an empty window, from any state.
    pub(crate) fn reset(&mut self) {
        self.0.reset(false);
    }

    /// Returns the bytes that a stream allocates, as measured.
    pub(crate) const fn size() -> usize {
        46 << 10
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").finish_non_exhaustive()
    }
}
