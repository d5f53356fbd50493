use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use wskit_driver::{PollRead, PollWrite, Runtime, SplitHalf, TlsSession, Transport};
use wskit_proto::Spare;
use wskit_tokio::{Tokio, TokioTimer};

use crate::boxed::{Boxed, Kind};
#[cfg(feature = "http2")]
use crate::read_ahead::Ahead;

/// A connection handed over by hyper, as a transport. Rarely used directly.
///
/// A TCP connection without TLS, used through `hyper_util::rt::TokioIo`, is taken out of hyper's
/// box: its `TCP_NODELAY` is set, and it is split without a lock. Any other connection (TLS,
/// HTTP/2) stays in the box.
#[derive(Debug)]
pub struct Io(SplitHalf<wskit_tokio::Io<TcpStream>, wskit_tokio::Io<Boxed>>);

/// The reading half of a split connection's transport.
pub type IoRead = SplitHalf<wskit_tokio::IoRead<TcpStream>, wskit_tokio::IoRead<Boxed>>;
/// The writing half of a split connection's transport.
pub type IoWrite = SplitHalf<wskit_tokio::IoWrite<TcpStream>, wskit_tokio::IoWrite<Boxed>>;

impl Io {
    /// Returns the transport, and the bytes of the peer that hyper has already read: the beginning
    /// of its frames. It is read when the application reads; over HTTP/2,
    /// [`PendingWebSocket`](crate::PendingWebSocket) reads ahead.
    pub fn new(upgraded: Upgraded) -> (Self, Bytes) {
        // First as hyper's own connections hand it over, then as those of hyper-util do that tell
        // HTTP/1 from HTTP/2 by the first bytes. axum uses the latter.
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return (Self::tcp_stream(parts.io), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (Self::tcp_stream(parts.io), parts.read_buf),
            // Bytes already read come out of the box first.
            Err(upgraded) => (
                Self::boxed(Kind::Plain(TokioIo::new(upgraded))),
                Bytes::new(),
            ),
        }
    }

    /// Creates a transport from a stream of HTTP/2, which a task reads ahead
    /// from.
    ///
    /// # Errors
    /// There is no tokio runtime for the task.
    #[cfg(feature = "http2")]
    pub(crate) fn read_ahead(upgraded: Upgraded, policy: crate::ReadAhead) -> io::Result<Self> {
        Ahead::spawn(upgraded, policy).map(|ahead| Self::boxed(Kind::Ahead(ahead)))
    }

    fn boxed(kind: Kind) -> Self {
        Self(SplitHalf::Shared(Tokio::wrap(Boxed(kind))))
    }

    /// Returns the TCP connection if it has no TLS, for addresses and socket options.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            SplitHalf::Owned(tcp) => Some(tcp.get_ref()),
            SplitHalf::Shared(_) => None,
        }
    }

    fn tcp_stream(stream: TokioIo<TcpStream>) -> Self {
        Self(SplitHalf::Owned(Tokio::wrap(stream.into_inner())))
    }
}

impl Transport for Io {
    type Read = IoRead;
    type Write = IoWrite;
    type Timer = TokioTimer;

    fn timer(&self) -> TokioTimer {
        TokioTimer::default()
    }

    fn into_split(self) -> (IoRead, IoWrite) {
        match self.0 {
            SplitHalf::Owned(tcp) => {
                let (read, write) = tcp.into_split();
                (SplitHalf::Owned(read), SplitHalf::Owned(write))
            }
            SplitHalf::Shared(boxed) => {
                let (read, write) = boxed.into_split();
                (SplitHalf::Shared(read), SplitHalf::Shared(write))
            }
        }
    }

    fn reunite(read: IoRead, write: IoWrite) -> Result<Self, (IoRead, IoWrite)> {
        match (read, write) {
            (SplitHalf::Owned(read), SplitHalf::Owned(write)) => {
                match wskit_tokio::Io::reunite(read, write) {
                    Ok(tcp) => Ok(Self(SplitHalf::Owned(tcp))),
                    Err((read, write)) => Err((SplitHalf::Owned(read), SplitHalf::Owned(write))),
                }
            }
            (SplitHalf::Shared(read), SplitHalf::Shared(write)) => {
                match wskit_tokio::Io::reunite(read, write) {
                    Ok(boxed) => Ok(Self(SplitHalf::Shared(boxed))),
                    Err((read, write)) => Err((SplitHalf::Shared(read), SplitHalf::Shared(write))),
                }
            }
            halves => Err(halves),
        }
    }
}

impl PollRead for Io {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read_large(cx, spare)
    }
}

impl PollWrite for Io {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, chunks)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.0.unacknowledged()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr()
    }

    fn tls_session(&self) -> Option<TlsSession> {
        self.0.tls_session()
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
