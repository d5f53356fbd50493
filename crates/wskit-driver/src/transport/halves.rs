use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use wskit_proto::Spare;

use super::{PollRead, PollWrite, TlsSession};

/// One of two kinds of half, for a [`Transport::into_split`](crate::Transport::into_split) that splits
/// some streams in one way and the rest in another.
#[derive(Debug)]
pub enum SplitHalf<A, B> {
    /// An independent half.
    Owned(A),
    /// A half that shares the transport with the other one.
    Shared(B),
}

/// A transport that two halves share, locked for each poll and never across polls.
///
/// Give each half a clone. A half never waits long for the lock, because polls do not block.
#[derive(Debug)]
pub struct SharedHalf<T>(Arc<Mutex<T>>);

impl<T> SharedHalf<T> {
    /// Puts a transport behind a lock.
    pub fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(io)))
    }

    /// Returns the transport, once the two halves are all that is left of it.
    ///
    /// # Errors
    /// The halves, if they are not of the same transport or there is a third one.
    pub fn reunite(self, other: Self) -> Result<T, (Self, Self)> {
        if !Arc::ptr_eq(&self.0, &other.0) || Arc::strong_count(&self.0) != 2 {
            return Err((self, other));
        }
        drop(other);
        match Arc::try_unwrap(self.0) {
            Ok(io) => Ok(io.into_inner().unwrap_or_else(PoisonError::into_inner)),
            // Cloned by another thread meanwhile.
            Err(shared) => Err((Self(shared.clone()), Self(shared))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A stream that panicked in its own poll reports that itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for SharedHalf<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: PollRead, B: PollRead> PollRead for SplitHalf<A, B> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Owned(half) => half.poll_read(cx, buf),
            Self::Shared(half) => half.poll_read(cx, buf),
        }
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Owned(half) => half.poll_read_large(cx, spare),
            Self::Shared(half) => half.poll_read_large(cx, spare),
        }
    }
}

impl<A: PollWrite, B: PollWrite> PollWrite for SplitHalf<A, B> {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Owned(half) => half.poll_write(cx, chunks),
            Self::Shared(half) => half.poll_write(cx, chunks),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Owned(half) => half.poll_flush(cx),
            Self::Shared(half) => half.poll_flush(cx),
        }
    }

    fn unacknowledged(&self) -> Option<usize> {
        match self {
            Self::Owned(half) => half.unacknowledged(),
            Self::Shared(half) => half.unacknowledged(),
        }
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Owned(half) => half.peer_addr(),
            Self::Shared(half) => half.peer_addr(),
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Owned(half) => half.local_addr(),
            Self::Shared(half) => half.local_addr(),
        }
    }

    fn tls_session(&self) -> Option<TlsSession> {
        match self {
            Self::Owned(half) => half.tls_session(),
            Self::Shared(half) => half.tls_session(),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Owned(half) => half.poll_shutdown(cx),
            Self::Shared(half) => half.poll_shutdown(cx),
        }
    }
}

impl<T: PollRead> PollRead for SharedHalf<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.lock().poll_read(cx, buf)
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_read_large(cx, spare)
    }
}

impl<T: PollWrite> PollWrite for SharedHalf<T> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_write(cx, chunks)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_flush(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.lock().unacknowledged()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.lock().peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.lock().local_addr()
    }

    fn tls_session(&self) -> Option<TlsSession> {
        self.lock().tls_session()
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_shutdown(cx)
    }
}
