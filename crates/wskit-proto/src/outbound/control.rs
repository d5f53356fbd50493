#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a queue of a few KiB"
)]

use wskit_frame::{CONTROL_MAX, FrameHeader, OpCode, encode_frame};

/// Pings and pongs on their way out. They go before queued data, between two frames, and their
/// memory is bounded whatever the peer sends.
///
/// Each ping gets its own pong while the socket takes them. Once it refuses writes, or once [`BOUND`]
/// bytes wait, a new pong replaces the one before: §5.5.3 allows answering only the latest ping.
#[derive(Debug, Default)]
pub(super) struct ControlQueue {
    bytes: Vec<u8>,
    /// How many of `bytes` have been written.
    head: usize,
    /// Whether part of the queue has been written since it was last empty.
    begun: bool,
    /// Where the newest frame begins, if that is a pong.
    newest_pong: Option<usize>,
}

/// Bytes of waiting pongs and pings beyond which no queue grows.
pub(super) const BOUND: usize = 4 << 10;
/// The largest control frame.
const FRAME: usize = FrameHeader::MAX_SIZE + CONTROL_MAX;

impl ControlQueue {
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.head
    }

    /// Returns whether part of the queue has been written, so that the rest goes before any data.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= BOUND
    }

    pub(super) fn ping(&mut self, mask: Option<[u8; 4]>, payload: &[u8]) {
        self.push(OpCode::Ping, mask, payload);
        self.newest_pong = None;
    }

    /// Queues an unsolicited pong, which never replaces or is replaced by another.
    pub(super) fn unsolicited_pong(&mut self, mask: Option<[u8; 4]>, payload: &[u8]) {
        self.push(OpCode::Pong, mask, payload);
        self.newest_pong = None;
    }

    /// Queues the answer to a ping; `blocked` says that the socket refuses writes.
    pub(super) fn pong(&mut self, mask: Option<[u8; 4]>, payload: &[u8], blocked: bool) {
        if blocked || self.is_full() {
            // A pong that is partly on the wire stays.
            if let Some(at) = self.newest_pong.filter(|at| *at >= self.head) {
                self.bytes.truncate(at);
            }
        }
        self.newest_pong = Some(self.push(OpCode::Pong, mask, payload));
    }

    /// Appends a frame and returns where in `bytes` it begins.
    fn push(&mut self, opcode: OpCode, mask: Option<[u8; 4]>, payload: &[u8]) -> usize {
        if self.head >= BOUND {
            // A socket that takes a little at a time never lets the queue run empty.
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        let mut frame = [0; FRAME];
        let size = encode_frame(true, false, opcode, mask, payload, &mut frame).unwrap_or_default();
        let at = self.bytes.len();
        self.bytes
            .extend_from_slice(frame.get(..size).unwrap_or_default());
        at
    }

    /// Drops `n` written bytes.
    pub(super) fn advance(&mut self, n: usize) {
        self.head += n;
        self.begun |= n > 0;
    }

    pub(super) fn buffer_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
