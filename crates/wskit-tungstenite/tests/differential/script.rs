use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// A non-blocking stream in memory. Each chunk of input is one read.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) input: VecDeque<Vec<u8>>,
    pub(crate) eof: bool,
    pub(crate) output: Vec<u8>,
    /// Whether it takes nothing.
    pub(crate) blocked: bool,
    /// The most bytes that one write takes; 0 for no limit.
    pub(crate) takes: usize,
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(chunk) = self.input.front_mut() else {
            return if self.eof {
                Ok(0)
            } else {
                Err(ErrorKind::WouldBlock.into())
            };
        };
        let n = chunk.len().min(buf.len());
        buf[..n].copy_from_slice(&chunk[..n]);
        chunk.drain(..n);
        if chunk.is_empty() {
            self.input.pop_front();
        }
        Ok(n)
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.blocked {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = match self.takes {
            0 => buf.len(),
            takes => buf.len().min(takes),
        };
        self.output.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.blocked {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}
