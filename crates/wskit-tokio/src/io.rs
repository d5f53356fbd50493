use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use wskit_driver::{PollRead, PollWrite, Runtime, Transport};

use crate::connect::ClientStream;
use crate::timer::TokioTimer;

/// Any tokio stream as a transport. Users rarely meet it: `WebSocket<S>` is short for a connection
/// over `Io<S>`.
#[derive(Debug)]
pub struct Io<S>(pub(crate) S);

/// tokio, for what is written for every runtime once.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Runtime<S> for Tokio {
    type Transport = Io<S>;

    fn wrap(stream: S) -> Io<S> {
        if let Some(tcp) = tcp_of(&stream) {
            // Messages are written whole; waiting for more would only delay them. A socket that
            // refuses will say why at the first read.
            let _ = tcp.set_nodelay(true);
        }
        Io(stream)
    }
}

impl<S> From<S> for Io<S> {
    fn from(stream: S) -> Self {
        Self(stream)
    }
}

impl<S> Io<S> {
    /// The stream.
    pub fn into_inner(self) -> S {
        self.0
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.0
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Transport for Io<S> {
    type Read = IoRead<S>;
    type Write = IoWrite<S>;
    type Timer = TokioTimer;

    fn timer(&self) -> TokioTimer {
        TokioTimer::default()
    }

    fn into_split(self) -> (IoRead<S>, IoWrite<S>) {
        match into_tcp(self.0) {
            Ok(tcp) => {
                let (read, write) = tcp.into_split();
                (IoRead(Half::Tcp(read)), IoWrite(Half::Tcp(write)))
            }
            Err(stream) => {
                let (read, write) = tokio::io::split(stream);
                (IoRead(Half::Other(read)), IoWrite(Half::Other(write)))
            }
        }
    }
}

/// The TCP connection that `stream` is, or runs over.
fn tcp_of<S: 'static>(stream: &S) -> Option<&TcpStream> {
    let any: &dyn Any = stream;
    #[cfg(feature = "rustls")]
    if let Some(tls) = any.downcast_ref::<crate::tls::server::TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    if let Some(client) = any.downcast_ref::<ClientStream>() {
        return Some(client.tcp());
    }
    any.downcast_ref::<TcpStream>()
}

/// TCP comes apart without a lock; anything else needs one. Which it is, is known when this is
/// compiled for `S`.
fn into_tcp<S: 'static>(stream: S) -> Result<TcpStream, S> {
    let mut stream = Some(stream);
    let any: &mut dyn Any = &mut stream;
    if let Some(tcp) = any
        .downcast_mut::<Option<TcpStream>>()
        .and_then(Option::take)
    {
        return Ok(tcp);
    }
    if let Some(client) = any.downcast_mut::<Option<ClientStream>>() {
        match client.take() {
            Some(ClientStream::Tcp(tcp)) => return Ok(tcp),
            #[cfg(feature = "rustls")]
            tls => *client = tls,
            #[cfg(not(feature = "rustls"))]
            None => {}
        }
    }
    match stream {
        Some(stream) => Err(stream),
        None => unreachable!("only taken to be returned"),
    }
}

/// The reading half of a split connection's stream.
#[derive(Debug)]
pub struct IoRead<S>(Half<OwnedReadHalf, ReadHalf<S>>);

/// The writing half of a split connection's stream.
#[derive(Debug)]
pub struct IoWrite<S>(Half<OwnedWriteHalf, WriteHalf<S>>);

#[derive(Debug)]
enum Half<T, O> {
    Tcp(T),
    Other(O),
}

impl<S: AsyncRead + Unpin> PollRead for Io<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        read(&mut self.0, cx, buf)
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        append(&mut self.0, cx, message, limit)
    }
}

impl<S: AsyncRead> PollRead for IoRead<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Half::Tcp(tcp) => read(tcp, cx, buf),
            Half::Other(other) => read(other, cx, buf),
        }
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Half::Tcp(tcp) => append(tcp, cx, message, limit),
            Half::Other(other) => append(other, cx, message, limit),
        }
    }
}

impl<S: AsyncWrite + Unpin> PollWrite for Io<S> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        write(&mut self.0, cx, chunks)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncWrite> PollWrite for IoWrite<S> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Half::Tcp(tcp) => write(tcp, cx, chunks),
            Half::Other(other) => write(other, cx, chunks),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Half::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Half::Other(other) => Pin::new(other).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Half::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Half::Other(other) => Pin::new(other).poll_shutdown(cx),
        }
    }
}

#[inline]
fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(buf);
    Pin::new(stream)
        .poll_read(cx, &mut buf)
        .map_ok(|()| buf.filled().len())
}

/// Into spare capacity, without zeroing it first. The future has no state of its own, so making one
/// for a single poll loses nothing.
fn append<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    message: &mut Vec<u8>,
    limit: usize,
) -> Poll<io::Result<usize>> {
    let mut spare = message.limit(limit);
    pin!(stream.read_buf(&mut spare)).poll(cx)
}

#[inline]
fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    chunks: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    match chunks {
        [one] => stream.poll_write(cx, one),
        [_, ..] if stream.is_write_vectored() => stream.poll_write_vectored(cx, chunks),
        [first, ..] => stream.poll_write(cx, first),
        [] => Poll::Ready(Ok(0)),
    }
}
