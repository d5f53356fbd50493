//! permessage-deflate (RFC 7692 §7). Connections have it behind pointers that only
//! [`Connection::with_deflate`](crate::Connection::with_deflate) makes, so that the compression is not linked
//! into a program that never uses it. The calls through them are two a message.

use std::fmt;

use wskit_deflate::{Compressor, DecompressError, Decompressor, Progress};

use crate::prepared::{Deflated, PreparedMessage};

/// A [`Decompressor`].
pub(crate) trait Inflate: fmt::Debug + Send + Sync {
    fn decompress(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, DecompressError>;
    fn primes(&self) -> usize;
    fn buffer_bytes(&self) -> usize;
}

impl Inflate for Decompressor {
    fn decompress(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, DecompressError> {
        self.decompress(input, end, out)
    }

    fn primes(&self) -> usize {
        self.primes()
    }

    fn buffer_bytes(&self) -> usize {
        self.buffer_bytes()
    }
}

/// A [`Compressor`].
pub(crate) trait Deflate: fmt::Debug + Send + Sync {
    fn compress(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress;
    fn begin(&mut self, len: Option<usize>) -> bool;
    fn buffer_bytes(&self) -> usize;

    /// Returns the compressed form of a prepared message, which is made once for all connections with
    /// such a window. The history of this connection takes the uncompressed text, as the peer's does.
    fn prepared<'m>(&mut self, message: &'m PreparedMessage) -> Option<&'m Deflated>;
}

impl Deflate for Compressor {
    fn compress(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress {
        self.compress(input, end, out)
    }

    fn begin(&mut self, len: Option<usize>) -> bool {
        self.begin(len)
    }

    fn buffer_bytes(&self) -> usize {
        self.buffer_bytes()
    }

    fn prepared<'m>(&mut self, message: &'m PreparedMessage) -> Option<&'m Deflated> {
        let deflated = message.deflated(self.window_bits(), self.level())?;
        self.note_prepared(message.as_bytes());
        Some(deflated)
    }
}
