//! The result of one call.

/// The result of one call of
/// [`Compressor::compress`](crate::Compressor::compress) or
/// [`Decompressor::decompress`](crate::Decompressor::decompress).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of input used. Pass the rest again with the next call.
    pub consumed: usize,
    /// Bytes of output written, from its start.
    pub produced: usize,
    /// All input is used and no output waits for room. If the call was told
    /// that the input ends the message, the message is complete and the next
    /// call begins the next one.
    pub done: bool,
}
