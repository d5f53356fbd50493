use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use crate::park::{Source, Until, may_wait, wait_for};

/// A stream socket, TCP's or Unix's. A clone is another handle to the same socket.
///
/// It implements the traits of futures-io for [`block_on`](crate::block_on) alone: nothing wakes the tasks of an
/// executor.
#[derive(Clone)]
pub struct Socket(Arc<Shared>);

/// The socket of all handles.
pub(crate) struct Shared {
    socket: socket2::Socket,
    /// `SO_RCVTIMEO` in milliseconds; 0 is none.
    read_timeout: AtomicU64,
}

impl Shared {
    pub(crate) fn socket(&self) -> &socket2::Socket {
        &self.socket
    }
}

impl Socket {
    /// Takes a socket, whose timeouts and whose mode (blocking or not) are its own from then on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn new(socket: impl Into<socket2::Socket>) -> io::Result<Self> {
        let socket = Self::from_mode(socket.into());
        socket.set_mode()?;
        Ok(socket)
    }

    /// Takes a socket in another mode than [`set_mode`](Socket::set_mode) sets.
    pub(crate) fn from_mode(socket: socket2::Socket) -> Self {
        Self(Arc::new(Shared {
            socket,
            read_timeout: AtomicU64::new(0),
        }))
    }

    /// On Unix each call says whether it may wait. Elsewhere the socket does.
    pub(crate) fn set_mode(&self) -> io::Result<()> {
        self.0.socket.set_nonblocking(cfg!(not(unix)))?;
        self.0.socket.set_read_timeout(None)
    }

    /// Returns the socket, for its options.
    #[must_use]
    pub fn get_ref(&self) -> &socket2::Socket {
        &self.0.socket
    }

    /// Returns the address of the peer; `None` for Unix sockets, and once the connection is over.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.socket.peer_addr().ok()?.as_socket()
    }

    /// Returns the address of this end; `None` for Unix sockets.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.socket.local_addr().ok()?.as_socket()
    }

    pub(crate) fn readable(&self) -> Source {
        Source::Readable(Arc::downgrade(&self.0))
    }

    pub(crate) fn writable(&self) -> Source {
        Source::Writable(Arc::downgrade(&self.0))
    }

    /// Reads, and waits in the system call if `until` is given. It may wait for less.
    #[cfg(unix)]
    fn read(&self, buf: &mut [u8], until: Option<Until>) -> io::Result<usize> {
        use rustix::net::{RecvFlags, recv};

        let flags = match until {
            Some(until) if self.set_read_timeout(until)? => RecvFlags::empty(),
            _ => RecvFlags::DONTWAIT,
        };
        Ok(recv(&self.0.socket, buf, flags)?.0)
    }

    #[cfg(not(unix))]
    fn read(&self, buf: &mut [u8], _: Option<Until>) -> io::Result<usize> {
        io::Read::read(&mut &self.0.socket, buf)
    }

    #[cfg(unix)]
    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

        let mut flags = SendFlags::DONTWAIT;
        #[cfg(not(target_vendor = "apple"))]
        flags.insert(SendFlags::NOSIGNAL);
        Ok(sendmsg(
            &self.0.socket,
            chunks,
            &mut SendAncillaryBuffer::default(),
            flags,
        )?)
    }

    #[cfg(not(unix))]
    fn write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        io::Write::write_vectored(&mut &self.0.socket, chunks)
    }

    /// Limits how long a read waits: not past `until`. As that is set for many reads, it is about half of what is
    /// left. Returns whether there is any time left.
    #[cfg(unix)]
    fn set_read_timeout(&self, until: Until) -> io::Result<bool> {
        let known = self.0.read_timeout.load(Ordering::Relaxed);
        let timeout = match until {
            None if known == 0 => return Ok(true),
            None => 0,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                let left = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
                if left == 0 {
                    return Ok(false);
                }
                if known != 0 && (left / 4..=left).contains(&known) {
                    return Ok(true);
                }
                left.div_ceil(2)
            }
        };
        let limit = (timeout != 0).then(|| Duration::from_millis(timeout));
        self.0.socket.set_read_timeout(limit)?;
        self.0.read_timeout.store(timeout, Ordering::Relaxed);
        Ok(true)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.socket.fmt(f)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let until = may_wait();
        loop {
            return match self.read(buf, until) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_for(self.readable(), cx);
                    Poll::Pending
                }
                read => Poll::Ready(read),
            };
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // More than this many are refused as a whole.
        let chunks = chunks.get(..chunks.len().min(1024)).unwrap_or(chunks);
        loop {
            return match self.write(chunks) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_for(self.writable(), cx);
                    Poll::Pending
                }
                written => Poll::Ready(written),
            };
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.socket.shutdown(Shutdown::Write))
    }
}
