//! The stream of a handshake, and what waits to be written to it.

use std::io::{self, Read, Write};

use super::Step;
use crate::error::Result;
use crate::util::NonBlockingResult;

/// Holds the stream of a handshake.
#[derive(Debug)]
pub struct HandshakeMachine<Stream> {
    pub(super) stream: Stream,
}

impl<Stream> HandshakeMachine<Stream> {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream }
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// Returns the stream.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

/// A head on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, written: 0 }
    }

    /// Writes what the stream takes, and flushes it in the end.
    pub(super) fn write(&mut self, stream: &mut impl Write) -> Result<Step> {
        while let Some(rest) = self
            .bytes
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            match stream.write(rest).no_block()? {
                None => return Ok(Step::WouldBlock),
                Some(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Some(n) => self.written += n,
            }
        }
        Ok(match stream.flush().no_block()? {
            None => Step::WouldBlock,
            Some(()) => Step::Done,
        })
    }
}

/// Reads a part of the peer's head; `None` if the stream would block.
pub(super) fn read<'a>(stream: &mut impl Read, buf: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
    let n = stream.read(buf).no_block()?;
    Ok(n.map(|n| buf.get(..n).unwrap_or_default()))
}

/// How much is read at once, in bytes.
pub(super) const READ: usize = 4096;
