use std::any::Any;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use wskit_driver::{
    PollRead, PollWrite, Runtime, SharedHalf, SocketOptions, Spawn, SplitHalf, TlsSession,
    Transport, unacknowledged,
};
use wskit_proto::Spare;

use crate::{ClientStream, TokioTimer};

/// Any tokio stream as a transport: `WebSocket<S>` is short for a connection over `Io<S>`.
pub struct Io<S> {
    stream: S,
    // Chosen where `S` is `'static`. Elsewhere it need not be: a stream may be a trait object.
    any: fn(&S) -> &dyn Any,
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

    fn set_options(stream: &S, options: &SocketOptions)
    where
        S: 'static,
    {
        if let Some(tcp) = ClientStream::tcp_of(stream) {
            options.apply(tcp);
        }
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
            any: |stream| stream,
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

    /// Returns the TCP connection below.
    fn tcp(&self) -> Option<&TcpStream> {
        let stream = (self.any)(&self.stream);
        match stream.downcast_ref::<OwnedWriteHalf>() {
            Some(half) => Some(half.as_ref()),
            None => ClientStream::tcp_of(stream),
        }
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
                (
                    SplitHalf::Owned(Io::from(read)),
                    SplitHalf::Owned(Io::from(write)),
                )
            }
            Err(stream) => {
                let both = SharedHalf::new(Io::from(stream));
                (SplitHalf::Shared(both.clone()), SplitHalf::Shared(both))
            }
        }
    }

    fn reunite(read: IoRead<S>, write: IoWrite<S>) -> Result<Self, (IoRead<S>, IoWrite<S>)>
    where
        S: 'static,
    {
        match (read, write) {
            (SplitHalf::Owned(read), SplitHalf::Owned(write)) => {
                let back = |read, write| {
                    let halves = (Io::from(read), Io::from(write));
                    (SplitHalf::Owned(halves.0), SplitHalf::Owned(halves.1))
                };
                let tcp = read.stream.reunite(write.stream);
                match ClientStream::from_tcp::<S>(tcp.map_err(|error| back(error.0, error.1))?) {
                    Ok(stream) => Ok(Io::from(stream)),
                    Err(tcp) => {
                        let (read, write) = TcpStream::into_split(tcp);
                        Err(back(read, write))
                    }
                }
            }
            (SplitHalf::Shared(read), SplitHalf::Shared(write)) => {
                let back = |(read, write)| (SplitHalf::Shared(read), SplitHalf::Shared(write));
                read.reunite(write).map_err(back)
            }
            halves => Err(halves),
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
        self.tcp().and_then(unacknowledged)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.peer_addr().ok()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.local_addr().ok()
    }

    fn tls_session(&self) -> Option<TlsSession> {
        ClientStream::tls_session_of((self.any)(&self.stream))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
