use std::any::Any;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_std::net::TcpStream;
#[cfg(unix)]
use async_std::os::unix::net::UnixStream;
use futures_io::{AsyncRead, AsyncWrite};
use wskit_driver::{PollRead, PollWrite, Runtime, SharedHalf, SplitHalf, Transport, cast};

use crate::connect::ClientStream;
use crate::timer::AsyncStdTimer;
#[cfg(feature = "rustls")]
use crate::tls::{client, server};

/// Any futures-io stream as a transport. Users rarely meet it: `WebSocket<S>` is short for a connection
/// over `Io<S>`.
pub struct Io<S> {
    stream: S,
    /// How to find out what `stream` is, for the places where `S` need not be `'static`: there a
    /// stream may be a trait object.
    socket: fn(&S) -> Socket<'_>,
}

/// The reading half of a split connection's stream.
pub type IoRead<S> = SplitHalf<Io<TcpStream>, SharedHalf<Io<S>>>;
/// The writing half of a split connection's stream.
pub type IoWrite<S> = SplitHalf<Io<TcpStream>, SharedHalf<Io<S>>>;

/// async-std and smol, for what is written for every runtime once.
#[derive(Clone, Copy, Debug)]
pub enum AsyncStd {}

impl<S: AsyncRead + AsyncWrite + Unpin> Runtime<S> for AsyncStd {
    type Transport = Io<S>;

    fn wrap(stream: S) -> Io<S>
    where
        S: 'static,
    {
        if let Socket::Tcp(tcp) = socket(&stream) {
            // Messages are written whole; waiting for more would only delay them. A socket that
            // refuses will say why at the first read.
            let _ = tcp.set_nodelay(true);
        }
        Io::from(stream)
    }
}

impl<S: 'static> From<S> for Io<S> {
    fn from(stream: S) -> Self {
        Self { stream, socket }
    }
}

impl<S> Io<S> {
    /// The stream.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: fmt::Debug> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.stream).finish()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Io<S> {
    type Read = IoRead<S>;
    type Write = IoWrite<S>;
    type Timer = AsyncStdTimer;

    fn timer(&self) -> AsyncStdTimer {
        AsyncStdTimer::default()
    }

    fn into_split(self) -> (IoRead<S>, IoWrite<S>)
    where
        S: 'static,
    {
        match into_tcp(self.stream) {
            // TCP comes apart without a lock; anything else needs one.
            Ok(tcp) => {
                let (read, write) = (tcp.clone(), tcp);
                (
                    SplitHalf::Owned(read.into()),
                    SplitHalf::Owned(write.into()),
                )
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
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> PollWrite for Io<S> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // futures-io does not tell who takes several at once: those do that are known here.
        let vectored = chunks.len() > 1 && matches!((self.socket)(&self.stream), Socket::Tcp(_));
        let stream = Pin::new(&mut self.stream);
        match chunks {
            [_, ..] if vectored => stream.poll_write_vectored(cx, chunks),
            [first, ..] => stream.poll_write(cx, first),
            [] => Poll::Ready(Ok(0)),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    #[cfg(target_os = "linux")]
    fn unacknowledged(&self) -> Option<usize> {
        match (self.socket)(&self.stream) {
            Socket::Tcp(tcp) => wskit_driver::unacknowledged(tcp),
            _ => None,
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Closing is not enough for async-std: its sockets do no more than flush then, and the peer
        // would wait for the end of the stream until the socket is dropped.
        let closed = ready!(Pin::new(&mut self.stream).poll_close(cx));
        let closed = closed.and_then(|()| match (self.socket)(&self.stream) {
            Socket::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(unix) => unix.shutdown(Shutdown::Write),
            Socket::Unknown => Ok(()),
        });
        match closed {
            // The peer is gone altogether: it is shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
    }
}

/// The socket that a stream is, or runs over.
enum Socket<'a> {
    Tcp(&'a TcpStream),
    #[cfg(unix)]
    Unix(&'a UnixStream),
    Unknown,
}

fn socket<S: 'static>(stream: &S) -> Socket<'_> {
    let any: &dyn Any = stream;
    #[cfg(unix)]
    if let Some(unix) = any.downcast_ref() {
        return Socket::Unix(unix);
    }
    #[cfg(feature = "rustls")]
    if let Some(tls) = any.downcast_ref::<client::TlsStream<TcpStream>>() {
        return Socket::Tcp(tls.get_ref().0);
    }
    #[cfg(feature = "rustls")]
    if let Some(tls) = any.downcast_ref::<server::TlsStream<TcpStream>>() {
        return Socket::Tcp(tls.get_ref().0);
    }
    if let Some(client) = any.downcast_ref::<ClientStream>() {
        return Socket::Tcp(client.tcp());
    }
    any.downcast_ref().map_or(Socket::Unknown, Socket::Tcp)
}

fn into_tcp<S: 'static>(stream: S) -> Result<TcpStream, S> {
    cast(stream, ClientStream::into_tcp).or_else(|stream| cast(stream, Ok::<TcpStream, TcpStream>))
}
