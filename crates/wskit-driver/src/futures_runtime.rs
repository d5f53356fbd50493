use std::any::Any;
use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::runtime::Runtime;
use crate::socket_options::SocketOptions;
use crate::transport::{PollRead, PollWrite, Timer, Transport};
use crate::transport::{SharedHalf, SplitHalf, TlsSession};

/// A runtime whose streams implement the traits of futures-io.
///
/// A binding implements this for its unit type. [`Io`] is the transport then, and [`Runtime`] is
/// implemented for every stream.
pub trait FuturesRuntime: Sized + 'static {
    /// A TCP connection. A clone is another handle to the same connection.
    type Tcp: AsyncRead + AsyncWrite + Clone + Unpin + 'static;
    /// The clock. The default is an alarm that is not armed.
    type Timer: Timer + Default;

    /// Returns the TCP connection that `stream` is, or runs over. It is written to with vectored writes,
    /// which must work through what is in between.
    fn tcp(stream: &dyn Any) -> Option<&Self::Tcp>;

    /// Returns the TCP connection that `stream` is, so that it can be split without a lock.
    ///
    /// # Errors
    /// The stream, if it is not a TCP connection or something is in between.
    fn into_tcp<S: 'static>(stream: S) -> Result<Self::Tcp, S>;

    /// Returns the TCP connection as an `S`, the reverse of [`into_tcp`](FuturesRuntime::into_tcp).
    ///
    /// # Errors
    /// The connection, if it cannot be an `S`. That is the default.
    fn from_tcp<S: 'static>(tcp: Self::Tcp) -> Result<S, Self::Tcp> {
        Err(tcp)
    }

    /// Sets `TCP_NODELAY`.
    ///
    /// # Errors
    /// The error of the operating system.
    fn set_nodelay(tcp: &Self::Tcp) -> io::Result<()>;

    /// Sets the options of the connection: [`SocketOptions::apply`] for sockets of the operating system.
    /// The default does nothing.
    fn set_options(tcp: &Self::Tcp, options: &SocketOptions) {
        let _ = (tcp, options);
    }

    /// Shuts the write side of `stream` down, after `poll_close`, if the runtime's sockets only flush in
    /// `poll_close`.
    ///
    /// # Errors
    /// The error of the operating system.
    fn shutdown(stream: &dyn Any) -> io::Result<()> {
        let _ = stream;
        Ok(())
    }

    /// Returns how many bytes the peer's host has not acknowledged; see [`PollWrite::unacknowledged`].
    fn unacknowledged(tcp: &Self::Tcp) -> Option<usize> {
        let _ = tcp;
        None
    }

    /// Returns the address of the peer.
    fn peer_addr(tcp: &Self::Tcp) -> Option<SocketAddr> {
        let _ = tcp;
        None
    }

    /// Returns the address of this end.
    fn local_addr(tcp: &Self::Tcp) -> Option<SocketAddr> {
        let _ = tcp;
        None
    }

    /// Returns what is known of the TLS session of `stream`, if it is a stream inside TLS.
    fn tls_session(stream: &dyn Any) -> Option<TlsSession> {
        let _ = stream;
        None
    }
}

/// Any futures-io stream as a transport.
///
/// `WebSocket<S>` in a binding is short for a connection over this.
pub struct Io<S, R: FuturesRuntime> {
    stream: S,
    // Chosen where `S` is `'static`. Elsewhere it need not be: a stream may be a trait object.
    any: fn(&S) -> &dyn Any,
    runtime: PhantomData<fn() -> R>,
}

/// Either half of a split connection's stream.
type IoHalf<S, R> = SplitHalf<Io<<R as FuturesRuntime>::Tcp, R>, SharedHalf<Io<S, R>>>;

impl<S: AsyncRead + AsyncWrite + Unpin, R: FuturesRuntime> Runtime<S> for R {
    type Transport = Io<S, R>;

    fn wrap(stream: S) -> Io<S, R>
    where
        S: 'static,
    {
        if let Some(tcp) = R::tcp(&stream) {
            // Messages are written whole: waiting for more would only delay them. If the socket refuses,
            // the first read reports why.
            let _ = R::set_nodelay(tcp);
        }
        Io::from(stream)
    }

    fn set_options(stream: &S, options: &SocketOptions)
    where
        S: 'static,
    {
        if let Some(tcp) = R::tcp(stream) {
            <R as FuturesRuntime>::set_options(tcp, options);
        }
    }
}

impl<S: 'static, R: FuturesRuntime> From<S> for Io<S, R> {
    fn from(stream: S) -> Self {
        Self {
            stream,
            any: |stream| stream,
            runtime: PhantomData,
        }
    }
}

impl<S, R: FuturesRuntime> Io<S, R> {
    /// Returns the stream.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the stream, to be recognised by its type.
    fn as_any(&self) -> &dyn Any {
        (self.any)(&self.stream)
    }
}

impl<S: fmt::Debug, R: FuturesRuntime> fmt::Debug for Io<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.stream).finish()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: FuturesRuntime> Transport for Io<S, R> {
    type Read = IoHalf<S, R>;
    type Write = IoHalf<S, R>;
    type Timer = R::Timer;

    fn timer(&self) -> R::Timer {
        R::Timer::default()
    }

    fn into_split(self) -> (IoHalf<S, R>, IoHalf<S, R>)
    where
        S: 'static,
    {
        match R::into_tcp(self.stream) {
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

    fn reunite(
        read: IoHalf<S, R>,
        write: IoHalf<S, R>,
    ) -> Result<Self, (IoHalf<S, R>, IoHalf<S, R>)>
    where
        S: 'static,
    {
        match (read, write) {
            (SplitHalf::Owned(read), SplitHalf::Owned(write)) => {
                match R::from_tcp::<S>(write.stream) {
                    Ok(stream) => Ok(Io::from(stream)),
                    Err(tcp) => Err((SplitHalf::Owned(read), SplitHalf::Owned(tcp.into()))),
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

impl<S: AsyncRead + Unpin, R: FuturesRuntime> PollRead for Io<S, R> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin, R: FuturesRuntime> PollWrite for Io<S, R> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // futures-io does not tell whether a stream writes several buffers in one call. TCP does.
        let vectored = chunks.len() > 1 && R::tcp(self.as_any()).is_some();
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

    fn unacknowledged(&self) -> Option<usize> {
        R::tcp(self.as_any()).and_then(R::unacknowledged)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        R::tcp(self.as_any()).and_then(R::peer_addr)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        R::tcp(self.as_any()).and_then(R::local_addr)
    }

    fn tls_session(&self) -> Option<TlsSession> {
        R::tls_session(self.as_any())
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = ready!(Pin::new(&mut self.stream).poll_close(cx));
        match closed.and_then(|()| R::shutdown(self.as_any())) {
            // The peer is gone: the connection is shut down already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
    }
}
