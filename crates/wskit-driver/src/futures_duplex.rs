use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// One end of a pipe in memory, from [`duplex`].
///
/// Closing it, or dropping it, ends the stream for the other end.
pub struct DuplexStream {
    read: piper::Reader,
    /// `None` once it was closed.
    write: Option<piper::Writer>,
}

/// Returns both ends of a pipe in memory that holds up to `capacity` bytes each way. Both directions are
/// allocated at once.
///
/// A write waits while the pipe is full. It fails with `BrokenPipe` when the other end was dropped.
///
/// # Panics
/// If `capacity` is 0.
#[must_use]
pub fn duplex(capacity: usize) -> (DuplexStream, DuplexStream) {
    let (from_far, to_near) = piper::pipe(capacity);
    let (from_near, to_far) = piper::pipe(capacity);
    let end = |read, write| DuplexStream {
        read,
        write: Some(write),
    };
    (end(from_far, to_far), end(from_near, to_near))
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read.poll_drain_bytes(cx, buf).map(Ok)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(write) = &mut self.write else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        Poll::Ready(match ready!(write.poll_fill_bytes(cx, buf)) {
            0 if !buf.is_empty() => Err(io::ErrorKind::BrokenPipe.into()),
            n => Ok(n),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write = None;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DuplexStream")
    }
}
