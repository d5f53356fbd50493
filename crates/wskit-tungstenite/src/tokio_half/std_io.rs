use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of tokio as a non-blocking one of the standard library.
///
/// A connection may be read by one task and written by another, through `StreamExt::split`. Reading may write
/// (pongs) and writing may read nothing, so the stream gets one waker, which wakes both tasks.
#[derive(Debug)]
pub(crate) struct StdIo<S> {
    stream: S,
    tasks: Arc<Tasks>,
    waker: Waker,
}

/// The tasks that wait for the stream.
#[derive(Debug, Default)]
struct Tasks {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

impl<S> StdIo<S> {
    pub(crate) fn new(stream: S) -> Self {
        let tasks = Arc::<Tasks>::default();
        let waker = Waker::from(tasks.clone());
        Self {
            stream,
            tasks,
            waker,
        }
    }

    /// Notes the task that reads, or performs the handshake.
    pub(crate) fn set_reader(&self, waker: &Waker) {
        self.tasks.reader.register(waker);
    }

    /// Notes the task that writes.
    pub(crate) fn set_writer(&self, waker: &Waker) {
        self.tasks.writer.register(waker);
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(crate) fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Unpin> StdIo<S> {
    #[inline]
    fn poll<R>(
        &mut self,
        call: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> io::Result<R> {
        match call(
            Pin::new(&mut self.stream),
            &mut Context::from_waker(&self.waker),
        ) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead + Unpin> Read for StdIo<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.poll(|stream, cx| stream.poll_read(cx, &mut buf))?;
        Ok(buf.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for StdIo<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.poll(|stream, cx| stream.poll_write(cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.stream.is_write_vectored() {
            return self.poll(|stream, cx| stream.poll_write_vectored(cx, bufs));
        }
        // TLS copies: what comes after the first buffer is written by the next call.
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.write(first.map_or(&[], |buf| buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(AsyncWrite::poll_flush)
    }
}
