//! How far one call came.

/// How far one call of [`Compressor::compress`](crate::Compressor::compress) or
/// [`Decompressor::decompress`](crate::Decompressor::decompress) came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of input used up. Give the rest again with the next call.
    pub consumed: usize,
    /// Bytes of output written, from its start.
    pub produced: usize,
    /// All input is used up and nothing is held back for want of room. If the
    /// call was told that the input ends the message, the message is complete
    /// and the next call begins the next one.
    pub done: bool,
}
