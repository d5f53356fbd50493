//! The seam that message compression plugs into (RFC 7692 §6).
//!
//! There is one transformation per direction, as an enum so that without the feature `deflate` it has no
//! variant, and none of the code behind it is compiled. Streaming and limits need this contract: **the caller
//! owns the output slice**, so no output exceeds the room given, and both directions work on pieces of
//! any size.

#[cfg(feature = "deflate")]
mod deflate;
#[cfg(test)]
pub(crate) mod spike;
#[cfg(test)]
mod tests;

use crate::error::ProtocolError;

/// The result of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes of input used up.
    pub(crate) consumed: usize,
    /// Bytes of output written.
    pub(crate) produced: usize,
    /// Whether all input is used up and no output is held back for lack of room.
    pub(crate) done: bool,
}

/// Compressed payload in, uncompressed payload out.
#[derive(Debug)]
pub(crate) enum Decoder {
    #[cfg(feature = "deflate")]
    Deflate(Box<dyn deflate::Inflate>),
    #[cfg(test)]
    Spike(spike::Expand),
}

impl Decoder {
    /// Decodes as much as fits. `end` says that `input` reaches the end of the message; when such a
    /// call is `done`, the message is complete and the decoder is ready for the next one.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, ProtocolError> {
        let _ = (input, end, &out);
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref mut decompressor) => {
                Ok(decompressor.decompress(input, end, out)?.into())
            }
            #[cfg(test)]
            Self::Spike(ref mut expand) => expand.decode(input, end, out),
        }
    }

    /// Returns how many bytes of earlier messages the stream of the next one is primed with.
    pub(crate) fn primes(&self) -> usize {
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref decompressor) => decompressor.primes(),
            #[cfg(test)]
            Self::Spike(_) => 0,
        }
    }

    /// Returns how many bytes of heap are held for this connection now.
    pub(crate) fn buffer_bytes(&self) -> usize {
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref decompressor) => decompressor.buffer_bytes(),
            #[cfg(test)]
            Self::Spike(_) => 0,
        }
    }
}

/// Uncompressed payload in, compressed payload out.
#[derive(Debug)]
pub(crate) enum Encoder {
    #[cfg(feature = "deflate")]
    Deflate(Box<dyn deflate::Deflate>),
    #[cfg(test)]
    Spike(spike::Shrink),
}

impl Encoder {
    /// Encodes as much as fits; `end` says that `input` reaches the end of the message.
    pub(crate) fn encode(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress {
        let _ = (input, end, &out);
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref mut compressor) => compressor.compress(input, end, out).into(),
            #[cfg(test)]
            Self::Spike(ref mut shrink) => shrink.encode(input, end, out),
        }
    }

    /// Returns whether the next message, of `len` bytes if that is known, is to be compressed.
    pub(crate) fn begin(&mut self, len: Option<usize>) -> bool {
        let _ = len;
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref mut compressor) => compressor.begin(len),
            #[cfg(test)]
            Self::Spike(_) => true,
        }
    }

    /// Returns how many bytes of heap are held for this connection now.
    pub(crate) fn buffer_bytes(&self) -> usize {
        match *self {
            #[cfg(feature = "deflate")]
            Self::Deflate(ref compressor) => compressor.buffer_bytes(),
            #[cfg(test)]
            Self::Spike(_) => 0,
        }
    }
}

#[cfg(feature = "deflate")]
impl From<wskit_deflate::Progress> for Progress {
    fn from(progress: wskit_deflate::Progress) -> Self {
        Self {
            consumed: progress.consumed,
            produced: progress.produced,
            done: progress.done,
        }
    }
}
