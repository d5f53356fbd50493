use std::future::poll_fn;
use std::io::{self, IoSlice};

use wskit_frame::OpCode;
use wskit_proto::Role;

use crate::frames::{Frame, Frames};
use crate::pipe::PipeEnd;
use crate::probe::Probe;

/// A scripted peer on one end of a pipe: writes and expects the bytes that the test names.
///
/// Methods that expect something panic if something else comes.
#[derive(Debug)]
pub struct Script {
    end: Option<PipeEnd>,
    probe: Probe,
    role: Role,
    /// Bytes that were read and not expected yet.
    unread: Vec<u8>,
}

impl Script {
    /// Creates a peer that has this `role` and speaks over this end.
    #[must_use]
    pub fn new(end: PipeEnd, role: Role) -> Self {
        Self {
            probe: end.probe(),
            end: Some(end),
            role,
            unread: Vec::new(),
        }
    }

    /// Returns the maker of frames that this peer may send.
    #[must_use]
    pub fn frames(&self) -> Frames {
        Frames::from(self.role)
    }

    /// Returns a probe of this end.
    #[must_use]
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Writes all of `bytes`.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes)
            .await
            .expect("the other end takes no more");
    }

    /// Writes all of `bytes`, or returns the error.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            let end = self.end.as_mut().expect("the script has hung up");
            let n = poll_fn(|cx| end.poll_write(cx, &[IoSlice::new(bytes)])).await?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Reads more bytes. Returns how many came, 0 at the end of the stream.
    pub async fn read(&mut self) -> io::Result<usize> {
        let end = self.end.as_mut().expect("the script has hung up");
        let mut buf = [0; 4096];
        let n = poll_fn(|cx| end.poll_read(cx, &mut buf)).await?;
        self.unread.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    /// Reads the next frame. Panics if the stream ends first.
    pub async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frame_read() {
                return frame;
            }
            let n = self.read().await.expect("a frame was expected");
            assert!(
                n > 0,
                "a frame was expected and the stream ended, after {:02x?}",
                self.unread
            );
        }
    }

    /// Takes the next frame from the bytes read so far. Returns `None` if no whole frame has come.
    pub fn frame_read(&mut self) -> Option<Frame> {
        let peer = crate::frames::opposite(self.role);
        let (frame, size) = Frame::parse(peer, &self.unread)?;
        self.unread.drain(..size);
        Some(frame)
    }

    /// Reads a frame and asserts that it is this one, with FIN.
    pub async fn expect(&mut self, opcode: OpCode, payload: impl AsRef<[u8]>) {
        assert_eq!(self.frame().await, Frame::new(opcode, payload));
    }

    /// Reads a frame and asserts that it is this one, without FIN.
    pub async fn expect_part(&mut self, opcode: OpCode, payload: impl AsRef<[u8]>) {
        let expected = Frame {
            fin: false,
            ..Frame::new(opcode, payload)
        };
        assert_eq!(self.frame().await, expected);
    }

    /// Reads a frame and asserts that it is a Close with this code.
    pub async fn expect_close(&mut self, code: u16) {
        let frame = self.frame().await;
        assert_eq!(frame.opcode, OpCode::Close, "{frame:?}");
        assert_eq!(&frame.payload[..2], code.to_be_bytes(), "{frame:?}");
    }

    /// Reads the head of an HTTP message, up to and including the blank line.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                return String::from_utf8(self.unread.drain(..at + 4).collect())
                    .expect("a head is text");
            }
            assert!(
                self.read().await.expect("a head was expected") > 0,
                "a head was expected, got {:?}",
                self.unread
            );
        }
    }

    /// Reads exactly `len` bytes.
    pub async fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.unread.len() < len {
            assert!(
                self.read().await.expect("more was expected") > 0,
                "{len} bytes were expected, got {:02x?}",
                self.unread
            );
        }
        self.unread.drain(..len).collect()
    }

    /// Returns whether the bytes read so far contain the whole head of an HTTP message.
    #[must_use]
    pub fn has_head(&self) -> bool {
        self.unread.windows(4).any(|four| four == b"\r\n\r\n")
    }

    /// Discards the bytes that were read and not expected yet.
    pub fn forget(&mut self) {
        self.unread.clear();
    }

    /// Reads to the end of the stream and returns all bytes that came.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self
            .read()
            .await
            .expect("the end of the stream was expected")
            > 0
        {}
        core::mem::take(&mut self.unread)
    }

    /// Asserts that the stream ends here.
    pub async fn expect_end(&mut self) {
        let rest = self.rest().await;
        assert!(
            rest.is_empty(),
            "the end was expected and came after {rest:02x?}"
        );
    }

    /// Shuts down writing. Reading still works.
    pub async fn finish(&mut self) {
        let end = self.end.as_mut().expect("the script has hung up");
        poll_fn(|cx| end.poll_shutdown(cx))
            .await
            .expect("shut down");
    }

    /// Drops this end of the pipe.
    pub fn hang_up(&mut self) {
        self.end = None;
    }
}
