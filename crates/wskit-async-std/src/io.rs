use std::any::Any;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_std::net::TcpStream;
#[cfg(unix)]
use async_std::os::unix::net::UnixStream;
use futures_io::{AsyncRead, AsyncWrite};
use wskit_driver::{Half, Locked, PollRead, PollWrite, Runtime, Transport, cast};

use crate::connect::ClientStream;
use crate::timer::AsyncStdTimer;
#[cfg(feature = "rustls")]
use crate::tls::{client, server};

/// Any futures-io stream as a transport. Users rarely meet it: `WebSocket<S>` is short for a connection
/// over `Io<S>`.
#[derive(Debug)]
pub struct Io<S>(pub(crate) S);

/// The reading half of a split connection's stream.
pub type IoRead<S> = Half<Io<TcpStream>, Locked<Io<S>>>;
/// The writing half of a split connection's stream.
pub type IoWrite<S> = Half<Io<TcpStream>, Locked<Io<S>>>;

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
            // TCP comes apart without a lock; anything else needs one.
            Ok(tcp) => {
                let (read, write) = (tcp.clone(), tcp);
                (Half::Apart(Io(read)), Half::Apart(Io(write)))
            }
            Err(stream) => {
                let both = Locked::new(Io(stream));
                (Half::Together(both.clone()), Half::Together(both))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> PollRead for Io<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin + 'static> PollWrite for Io<S> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // futures-io does not tell who takes several at once: those do that are known here.
        let vectored = chunks.len() > 1 && tcp(&self.0).is_some();
        let stream = Pin::new(&mut self.0);
        match chunks {
            [_, ..] if vectored => stream.poll_write_vectored(cx, chunks),
            [first, ..] => stream.poll_write(cx, first),
            [] => Poll::Ready(Ok(0)),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Closing is not enough for async-std: its sockets do no more than flush then, and the peer
        // would wait for the end of the stream until the socket is dropped.
        let closed = ready!(Pin::new(&mut self.0).poll_close(cx));
        match closed.and_then(|()| half_close(&self.0)) {
            // The peer is gone altogether: it is shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
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

/// The TCP connection that `stream` is, or runs over.
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

fn into_tcp<S: 'static>(stream: S) -> Result<TcpStream, S> {
    cast(stream, ClientStream::into_tcp).or_else(|stream| cast(stream, Ok::<TcpStream, TcpStream>))
}
