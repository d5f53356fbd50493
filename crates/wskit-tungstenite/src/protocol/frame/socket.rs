use std::io::{self, Cursor, Read, Write};

use bytes::{Buf, BytesMut};

use super::{Frame, FrameHeader};
use crate::error::{CapacityError, Error, Result};

/// Room for one read, in bytes.
const READ: usize = 16 << 10;

/// Reads and writes single frames, without any rule of the protocol: for tests and for proxies that do not
/// look inside.
#[derive(Debug)]
pub struct FrameSocket<Stream> {
    stream: Stream,
    input: BytesMut,
    header: Option<(FrameHeader, u64)>,
    output: Vec<u8>,
}

impl<Stream> FrameSocket<Stream> {
    /// Creates a socket over a stream.
    pub fn new(stream: Stream) -> Self {
        Self::from_partially_read(stream, Vec::new())
    }

    /// Creates a socket over a stream of which `part` has been read already.
    pub fn from_partially_read(stream: Stream, part: Vec<u8>) -> Self {
        Self {
            stream,
            input: BytesMut::from(part.as_slice()),
            header: None,
            output: Vec::new(),
        }
    }

    /// Returns the stream, and the bytes that were read and not used.
    pub fn into_inner(self) -> (Stream, BytesMut) {
        (self.stream, self.input)
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

impl<Stream: Read> FrameSocket<Stream> {
    /// Reads a frame; `None` at the end of the stream. Its payload is as it came: masked if the header has
    /// a key.
    ///
    /// # Errors
    /// Those of the stream, [`Error::Protocol`] for a reserved opcode, and [`Error::Capacity`] for a payload
    /// of more than `max_size` bytes.
    pub fn read(&mut self, max_size: Option<usize>) -> Result<Option<Frame>> {
        loop {
            if self.header.is_none() {
                let mut cursor = Cursor::new(&self.input);
                self.header = FrameHeader::parse(&mut cursor)?;
                let size = cursor.position() as usize;
                self.input.advance(size);
            }
            if let Some((_, len)) = &self.header {
                let max_size = max_size.unwrap_or(usize::MAX >> 1);
                let size = usize::try_from(*len).unwrap_or(usize::MAX);
                if size > max_size {
                    return Err(Error::Capacity(CapacityError::MessageTooLong {
                        size,
                        max_size,
                    }));
                }
                if size <= self.input.len() {
                    let payload = self.input.split_to(size).freeze();
                    let header = self.header.take().map(|(header, _)| header);
                    return Ok(header.map(|header| Frame::from_payload(header, payload)));
                }
            }
            // Room follows what has come, not what was announced.
            let filled = self.input.len();
            self.input.resize(filled + READ, 0);
            let read = self
                .stream
                .read(self.input.get_mut(filled..).unwrap_or_default());
            self.input
                .truncate(filled + read.as_ref().map_or(0, |n| *n));
            if read? == 0 {
                return Ok(None);
            }
        }
    }
}

impl<Stream: Write> FrameSocket<Stream> {
    /// Writes a frame and flushes.
    ///
    /// # Errors
    /// Those of [`write`](Self::write) and [`flush`](Self::flush).
    pub fn send(&mut self, frame: Frame) -> Result<()> {
        self.write(frame)?;
        self.flush()
    }

    /// Queues a frame, and writes what the stream takes.
    ///
    /// # Errors
    /// Those of the stream. The frame stays queued: go on with [`flush`](Self::flush).
    pub fn write(&mut self, frame: Frame) -> Result<()> {
        frame.format(&mut self.output)?;
        self.write_out()
    }

    /// Writes what is queued and flushes the stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn flush(&mut self) -> Result<()> {
        self.write_out()?;
        Ok(self.stream.flush()?)
    }

    fn write_out(&mut self) -> Result<()> {
        while !self.output.is_empty() {
            let n = self.stream.write(&self.output)?;
            if n == 0 {
                return Err(Error::Io(io::ErrorKind::ConnectionReset.into()));
            }
            self.output.drain(..n);
        }
        Ok(())
    }
}
