//! Reading from the transport.

use std::io;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use wskit_proto::ReadBuf;

use super::Engine;
use crate::link::Link;
use crate::rare::Rare;
use crate::transport::Timer;

/// What is known of the bytes that come in.
pub(super) struct Input {
    /// Bytes that were read behind the opening handshake.
    pub(super) leftover: Rare<Bytes>,
    /// Bytes read since this task last waited, as many as they would be of small messages.
    read: u32,
    /// Bytes decompressed since this task last waited: the bytes on the wire say little about that work.
    inflated: u32,
    /// How much may be read before other tasks run, as `read` counts.
    most: u32,
    /// The stream has ended or failed.
    pub(super) eof: bool,
}

/// Bytes of a large message, or decompressed bytes, that are as much work as one byte of small messages.
const LARGE: usize = 4;
/// What a read of a large message counts for at least, in bytes.
const LARGE_READ_MIN: usize = 64;

impl Input {
    pub(super) fn new(leftover: Bytes, budget: usize) -> Self {
        Self {
            leftover: (!leftover.is_empty()).then(|| Box::new(leftover)).into(),
            read: 0,
            inflated: 0,
            // With what a turn reads more, it still fits.
            most: (budget / LARGE).min(1 << 28) as u32,
            eof: false,
        }
    }

    /// Whether so much has been read that other tasks should run.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.read >= self.most
    }

    /// Whether twice as much has been read, so that not even the end of a message is waited for.
    #[inline]
    fn is_overdrawn(&self) -> bool {
        self.read / 2 >= self.most
    }

    /// Whether so much has been decompressed that other tasks should run.
    #[inline]
    pub(super) fn has_inflated_enough(&self) -> bool {
        self.inflated / LARGE as u32 >= self.most
    }

    #[inline]
    pub(super) fn inflated(&mut self, n: usize) {
        self.inflated = self.inflated.saturating_add(n as u32);
    }

    /// Counts bytes of small messages.
    #[inline]
    pub(super) fn count(&mut self, n: usize) {
        self.read += n as u32;
    }

    /// The task waits: it may read as much again afterwards.
    #[inline]
    pub(super) fn wait(&mut self) {
        self.read = 0;
        self.inflated = 0;
    }
}

impl<C: Timer> Engine<C> {
    /// Reads once: true if bytes came, false if the stream has ended or failed.
    #[inline(always)]
    pub(super) fn poll_fill<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<bool> {
        if self.input.leftover.is_some() {
            return Poll::Ready(self.fill_leftover());
        }
        loop {
            let polled = match self.inbound.read_buf() {
                ReadBuf::Slab(slab) => link.poll_read(cx, slab).map_ok(|n| (n, false)),
                ReadBuf::Large(mut spare) => {
                    link.poll_read_large(cx, &mut spare).map_ok(|n| (n, true))
                }
            };
            match polled {
                Poll::Ready(Ok((n, large))) if n > 0 => {
                    if large {
                        let large = self.inbound.filled_large(n);
                        let small = n.saturating_sub(large);
                        let counted =
                            (large / LARGE).max(LARGE_READ_MIN).saturating_add(small) as u32;
                        self.input.read = self.input.read.saturating_add(counted);
                    } else {
                        self.inbound.filled(n);
                        self.input.count(n);
                    }
                    return Poll::Ready(true);
                }
                Poll::Pending => return Poll::Pending,
                read @ Poll::Ready(_) => {
                    if self.read_failed(cx, link, read.map_ok(|(n, _)| n)) {
                        return Poll::Ready(false);
                    }
                }
            }
        }
    }

    /// Whether other tasks should run before this looks at the bytes behind a large message, which the
    /// owner has done with. Its buffer is then used by the next connection: many buffers in use at once
    /// would each have left the caches by their next turn.
    pub(super) fn has_read_enough(&mut self) -> bool {
        self.input.is_used_up() && self.inbound.take_back()
    }

    /// Whether other tasks should run before this reads on. Inside a large message it reads on to its end,
    /// within limits.
    pub(super) fn should_yield(&self) -> bool {
        self.input.is_used_up() && (self.input.is_overdrawn() || !self.inbound.is_mid_large())
    }

    /// Handles a read that brought nothing. Returns whether nothing will come any more.
    #[cold]
    #[inline(never)]
    pub(super) fn read_failed<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
        read: Poll<io::Result<usize>>,
    ) -> bool {
        match read {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return false,
            // TLS libraries report an end without a `close_notify` as an error.
            Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                self.input.eof = true;
                self.inbound.transport_failed(link, error.kind());
                self.fail(error);
            }
            _ => self.end_of_stream(cx, link),
        }
        true
    }

    /// Takes the bytes that were read and not used. `None` if part of a message was used, or if a message
    /// waits to be received.
    pub(crate) fn take_unread(&mut self) -> Option<Bytes> {
        if self.has_message() {
            return None;
        }
        let mut unread = self.inbound.take_unparsed()?;
        if let Some(leftover) = self.input.leftover.take() {
            unread.extend_from_slice(&leftover);
        }
        Some(unread.into())
    }

    #[cold]
    fn fill_leftover(&mut self) -> bool {
        let Some(leftover) = self.input.leftover.as_mut() else {
            return false;
        };
        let taken = self.inbound.receive(leftover);
        leftover.advance(taken);
        if leftover.is_empty() {
            *self.input.leftover = None;
        }
        true
    }

    /// Handles the end of the stream. A peer that has half-closed it without a Close may still read:
    /// the answers so far are written, once.
    #[cold]
    fn end_of_stream<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) {
        self.input.eof = true;
        let _ = link.poll_write_out(cx);
        self.inbound.receive_eof(link);
    }
}
