mod deadline;
mod halves;
mod lazy_timer;
mod tls_session;
#[cfg(target_os = "linux")]
mod unacknowledged;

pub(crate) use deadline::Deadline;
pub use halves::{SharedHalf, SplitHalf};
pub use lazy_timer::{Alarm, LazyTimer};
pub use tls_session::TlsSession;
#[cfg(target_os = "linux")]
pub use unacknowledged::unacknowledged;

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use wskit_proto::Spare;

use crate::handshake;

/// The reading half of a transport: an ordered byte stream.
///
/// A trait of this crate rather than tokio's or futures-io's, because it is all that a connection needs,
/// and a runtime's trait would tie the driver to that runtime. A binding implements it for one newtype.
pub trait PollRead {
    /// Reads into `buf`, which is not empty; 0 is the end of the stream.
    ///
    /// # Errors
    /// What the transport reports. `Interrupted` is tried again by the caller.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads into the buffer of a large message; 0 is the end of the stream. A binding that can read
    /// into uninitialised memory ([`Spare::uninit`]) saves the zeroing that this default does once a
    /// message.
    ///
    /// # Errors
    /// Those of [`poll_read`](PollRead::poll_read).
    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_read(cx, spare.init())
    }

    /// Reads once into `buf`; 0 is the end of the stream.
    ///
    /// # Errors
    /// Those of the transport, without `Interrupted`. `UnexpectedEof`, by which TLS libraries report an
    /// end without a `close_notify`, is 0.
    ///
    /// # Cancel safety
    /// As safe as [`poll_read`](PollRead::poll_read): nothing is lost.
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send
    where
        Self: Sized + Send,
    {
        handshake::read(self, buf)
    }
}

/// The writing half of a transport.
pub trait PollWrite {
    /// Writes from the front of `chunks` (at least one, none empty), in one system call where the
    /// transport can. Returns how many bytes it took.
    ///
    /// # Errors
    /// What the transport reports. `Interrupted` is tried again by the caller; 0 counts as
    /// `WriteZero`.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Writes out what the transport itself buffers, as TLS does.
    ///
    /// # Errors
    /// What the transport reports.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns how many bytes of those taken the peer's host has not acknowledged yet, if the transport
    /// knows without waiting (TCP on Linux does). This distinguishes a slow download from a dead peer.
    fn unacknowledged(&self) -> Option<usize> {
        None
    }

    /// Returns the address of the peer, if the transport is a connection over IP.
    ///
    /// After a split this is called under the connection's lock, as writes are.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Returns the address of this end, as [`peer_addr`](PollWrite::peer_addr) does that of the peer.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Returns what is known of the TLS session, if the transport runs inside TLS and can tell.
    fn tls_session(&self) -> Option<TlsSession> {
        None
    }

    /// Shuts the write side down, after a flush: the peer sees the end of the stream.
    ///
    /// # Errors
    /// What the transport reports.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes all of `bytes` and flushes: for a handshake of one's own below the WebSocket's, with a
    /// proxy for instance.
    ///
    /// # Errors
    /// Those of the transport; `WriteZero` if it takes no more bytes.
    ///
    /// # Cancel safety
    /// Not safe: part of the bytes may have been written.
    fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send
    where
        Self: Sized + Send,
    {
        handshake::write_all(self, bytes)
    }
}

/// A clock with one alarm. A clone is a new alarm on the same clock.
pub trait Timer: Clone {
    /// Returns the time now.
    fn now(&self) -> Instant;

    /// Waits until `deadline` has passed. The waker of the last call is woken then; a later deadline
    /// may be armed lazily.
    ///
    /// # Errors
    /// The runtime has no timer.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>>;

    /// Wakes the task of `cx`, which has done much in a row, once others have had their turn. A runtime
    /// that looks for new events of sockets only when no task is ready, or seldom, looks for them first.
    /// By default the task is woken at once.
    fn wake_later(&self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// A byte stream with a clock that a [`WebSocket`](crate::WebSocket) can live on.
pub trait Transport: PollRead + PollWrite {
    /// The reading half after a split.
    type Read: PollRead;
    /// The writing half after a split.
    type Write: PollWrite;
    /// The clock of this transport's runtime.
    type Timer: Timer;

    /// Returns an alarm that is not armed.
    fn timer(&self) -> Self::Timer;

    /// Splits the transport, so that two tasks can use it; without a lock if possible. It must be
    /// `'static` only here, so that a binding can recognise a stream by its type.
    fn into_split(self) -> (Self::Read, Self::Write)
    where
        Self: 'static;

    /// Puts the two halves of one transport together again. By default it cannot be done.
    ///
    /// # Errors
    /// The halves, if they are not of the same transport or cannot be joined.
    fn reunite(read: Self::Read, write: Self::Write) -> Result<Self, (Self::Read, Self::Write)>
    where
        Self: Sized + 'static,
    {
        Err((read, write))
    }
}

/// A [`Transport`] that can be used from any thread, with its halves and its timer.
///
/// This is the one bound of generic code that spawns tasks, and what
/// [`Writer::erase`](crate::Writer::erase) asks for. It is implemented for every transport that fits.
pub trait SendTransport:
    Transport<Read: Send, Write: Send, Timer: Send + Sync> + Send + 'static
{
}

impl<T: Transport<Read: Send, Write: Send, Timer: Send + Sync> + Send + 'static> SendTransport
    for T
{
}
