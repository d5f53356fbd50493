use std::fmt;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use wskit_driver::{
    PollRead, PollWrite, Runtime, SharedHalf, Spare, Spawn, SplitHalf, Transport, unacknowledged,
};

use crate::{ClientStream, TokioTimer};

/// Any tokio stream as a transport: `WebSocket<S>` is short for a connection over `Io<S>`.
pub struct Io<S> {
    stream: S,
    // Chosen where `S` is `'static`. Elsewhere it need not be: a stream may be a trait object.
    unacknowledged: fn(&S) -> Option<usize>,
}

/// The reading half of a split connection's stream.
pub type IoRead<S> = SplitHalf<Io<OwnedReadHalf>, SharedHalf<Io<S>>>;
/// The writing half of a split connection's stream.
pub type IoWrite<S> = SplitHalf<Io<OwnedWriteHalf>, SharedHalf<Io<S>>>;

/// tokio, for code that is generic over the runtime.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl<S: AsyncRead + AsyncWrite + Unpin> Runtime<S> for Tokio {
    type Transport = Io<S>;

    fn wrap(stream: S) -> Io<S>
    where
        S: 'static,
    {
        if let Some(tcp) = ClientStream::tcp_of(&stream) {
            // Messages are written whole. If the socket refuses, the first read reports why.
            let _ = tcp.set_nodelay(true);
        }
        Io::from(stream)
    }
}

impl Spawn for Tokio {
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
        drop(tokio::spawn(future)); // the task goes on
    }
}

impl<S: 'static> From<S> for Io<S> {
    fn from(stream: S) -> Self {
        Self {
            stream,
            unacknowledged: |stream| ClientStream::tcp_of(stream).and_then(unacknowledged),
        }
    }
}

impl<S> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl<S> Io<S> {
    /// Returns the stream.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Io<S> {
    type Read = IoRead<S>;
    type Write = IoWrite<S>;
    type Timer = TokioTimer;

    fn timer(&self) -> TokioTimer {
        TokioTimer::default()
    }

    fn into_split(self) -> (IoRead<S>, IoWrite<S>)
    where
        S: 'static,
    {
        match ClientStream::into_tcp(self.stream) {
            Ok(tcp) => {
                let (read, write) = tcp.into_split();
                let write = Io {
                    stream: write,
                    unacknowledged: |half: &OwnedWriteHalf| unacknowledged(half.as_ref()),
                };
                (SplitHalf::Owned(Io::from(read)), SplitHalf::Owned(write))
            }
            Err(stream) => {
                let both = SharedHalf::new(Io::from(stream));
                (SplitHalf::Shared(both.clone()), SplitHalf::Shared(both))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> PollRead for Io<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        Pin::new(&mut self.stream)
            .poll_read(cx, &mut buf)
            .map_ok(|()| buf.filled().len())
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        // `read_buf` keeps no state between polls, so a new future for each poll loses nothing.
        pin!(self.stream.read_buf(&mut spare.uninit())).poll(cx)
    }
}

impl<S: AsyncWrite + Unpin> PollWrite for Io<S> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        match chunks {
            [one] => stream.poll_write(cx, one),
            [_, ..] if stream.is_write_vectored() => stream.poll_write_vectored(cx, chunks),
            [first, ..] => stream.poll_write(cx, first),
            [] => Poll::Ready(Ok(0)),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        (self.unacknowledged)(&self.stream)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
