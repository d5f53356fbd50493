use std::any::Any;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use async_std::net::TcpStream;
#[cfg(unix)]
use async_std::os::unix::net::UnixStream;
use futures_io::{AsyncRead, AsyncWrite};
use wskit_driver::{PollRead, PollWrite, Runtime, Transport};

use crate::connect::ClientStream;
use crate::timer::AsyncStdTimer;
#[cfg(feature = "rustls")]
use crate::tls::{client, server};

/// Any futures-io stream as a transport. Users rarely meet it: `WebSocket<S>` is short for a
/// connection over `Io<S>`.
#[derive(Debug)]
pub struct Io<S>(pub(crate) S);

/// async-std and smol, for what is written for every runtime once.
#[derive(Clone, Copy, Debug)]
pub enum AsyncStd {}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Runtime<S> for AsyncStd {
    type Transport = Io<S>;

    fn wrap(stream: S) -> Io<S> {
        if let Some(tcp) = tcp(&stream) {
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
    type Timer = AsyncStdTimer;

    fn timer(&self) -> AsyncStdTimer {
        AsyncStdTimer::default()
    }

    fn into_split(self) -> (IoRead<S>, IoWrite<S>) {
        match into_tcp(self.0) {
            Ok(tcp) => {
                let (read, write) = (tcp.clone(), tcp);
                (IoRead(Half::Tcp(read)), IoWrite(Half::Tcp(write)))
            }
            Err(stream) => {
                let read = Arc::new(Mutex::new(stream));
                let write = read.clone();
                (IoRead(Half::Other(read)), IoWrite(Half::Other(write)))
            }
        }
    }
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
pub struct IoRead<S>(Half<S>);

/// The writing half of a split connection's stream.
#[derive(Debug)]
pub struct IoWrite<S>(Half<S>);

#[derive(Debug)]
enum Half<S> {
    Tcp(TcpStream),
    Other(Arc<Mutex<S>>),
}

/// For one poll, never across one. A stream that panicked in its own poll is left to say so itself.
fn lock<S>(other: &Mutex<S>) -> MutexGuard<'_, S> {
    other.lock().unwrap_or_else(PoisonError::into_inner)
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

impl<S: AsyncRead + Unpin> PollRead for IoRead<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Half::Tcp(tcp) => read(tcp, cx, buf),
            Half::Other(other) => read(&mut *lock(other), cx, buf),
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
            Half::Other(other) => append(&mut *lock(other), cx, message, limit),
        }
    }
}

impl<S: AsyncWrite + Unpin + 'static> PollWrite for Io<S> {
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
        shutdown(&mut self.0, cx)
    }
}

impl<S: AsyncWrite + Unpin + 'static> PollWrite for IoWrite<S> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Half::Tcp(tcp) => write(tcp, cx, chunks),
            Half::Other(other) => write(&mut *lock(other), cx, chunks),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Half::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Half::Other(other) => Pin::new(&mut *lock(other)).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Half::Tcp(tcp) => shutdown(tcp, cx),
            Half::Other(other) => shutdown(&mut *lock(other), cx),
        }
    }
}

#[inline]
fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_read(cx, buf)
}

/// futures-io reads into initialised bytes only. Zeroing the spare capacity would cost its whole
/// length at every read, so a buffer that stays initialised is lent, and what came is copied out of
/// it: that costs what came.
fn append<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    message: &mut Vec<u8>,
    limit: usize,
) -> Poll<io::Result<usize>> {
    // Taken rather than borrowed: the stream may be a connection that comes here itself. Without one,
    // or on a thread that is ending, it is made anew.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.resize(SCRATCH_LEN, 0);
    let (lent, _) = scratch.split_at_mut(limit.min(SCRATCH_LEN));
    let polled = read(stream, cx, lent).map_ok(|n| {
        message.extend(&lent[..n]);
        n
    });
    let _ = SCRATCH.try_with(|place| place.set(scratch));
    polled
}

/// About what a socket has at once.
const SCRATCH_LEN: usize = 64 << 10;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

#[inline]
fn write<S: AsyncWrite + Unpin + 'static>(
    stream: &mut S,
    cx: &mut Context<'_>,
    chunks: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match chunks {
        [one] => Pin::new(stream).poll_write(cx, one),
        // futures-io does not tell who takes several at once: those do that are known here.
        [_, ..] if tcp(stream).is_some() => Pin::new(stream).poll_write_vectored(cx, chunks),
        [first, ..] => Pin::new(stream).poll_write(cx, first),
        [] => Poll::Ready(Ok(0)),
    }
}

/// Closing is not enough for async-std: its sockets do no more than flush then, and the peer would
/// wait for the end of the stream until the socket is dropped.
fn shutdown<S: AsyncWrite + Unpin + 'static>(
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let closed = ready!(Pin::new(&mut *stream).poll_close(cx)).and_then(|()| half_close(stream));
    match closed {
        // The peer is gone altogether: it is shut down.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
        closed => Poll::Ready(closed),
    }
}

fn half_close<S: 'static>(stream: &S) -> io::Result<()> {
    #[cfg(unix)]
    {
        let any: &dyn Any = stream;
        if let Some(unix) = any.downcast_ref::<UnixStream>() {
            return unix.shutdown(Shutdown::Write);
        }
    }
    tcp(stream).map_or(Ok(()), |tcp| tcp.shutdown(Shutdown::Write))
}

/// async-std's TCP connection, inside TLS or not. Which it is, is known when this is compiled for `S`.
#[inline]
fn tcp<S: 'static>(stream: &S) -> Option<&TcpStream> {
    let any: &dyn Any = stream;
    #[cfg(feature = "rustls")]
    if let Some(tls) = any.downcast_ref::<client::TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    #[cfg(feature = "rustls")]
    if let Some(tls) = any.downcast_ref::<server::TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    match any.downcast_ref::<ClientStream>() {
        Some(client) => Some(client.tcp()),
        None => any.downcast_ref(),
    }
}
