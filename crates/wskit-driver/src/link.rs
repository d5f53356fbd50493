use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use wskit_proto::{Ending, Outbound, Spare, State, WithOutbound};

use crate::transport::{PollRead, PollWrite};

/// What the engine works on: the transport and the sending half.
///
/// A whole connection owns both ([`Whole`]). After a split the reader owns its half of the transport and
/// shares the rest behind a lock (`ReadSide`).
pub(crate) trait Link: WithOutbound + PollRead {
    fn state(&self) -> State;
    fn ending(&mut self) -> Ending;
    fn is_over_high_water(&self) -> bool;
    /// Writes everything queued and flushes the transport.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Returns whether a message is being sent in pieces.
    fn is_message_open(&self) -> bool;
    /// Returns what [`PollWrite::unacknowledged`] returns.
    fn unacknowledged(&mut self) -> Option<usize>;
}

/// A transport and the sending half of a whole connection.
pub(crate) struct Whole<T> {
    pub(crate) io: T,
    pub(crate) outbox: Outbound,
    /// Whether bytes were written since the transport was last flushed.
    pub(crate) dirty: bool,
    /// The number of the latest ping that lanes have sent. It goes on after the next split.
    pub(crate) last_mark: u32,
}

impl<T> Whole<T> {
    pub(crate) fn new(io: T, outbox: Outbound) -> Self {
        Self {
            io,
            outbox,
            dirty: false,
            last_mark: 0,
        }
    }
}

impl<T> WithOutbound for Whole<T> {
    #[inline]
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        f(&mut self.outbox)
    }
}

impl<T: PollRead> PollRead for Whole<T> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read(cx, buf)
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_read_large(cx, spare)
    }
}

impl<T: PollRead + PollWrite> Link for Whole<T> {
    #[inline]
    fn state(&self) -> State {
        self.outbox.state()
    }

    #[inline]
    fn ending(&mut self) -> Ending {
        self.outbox.ending()
    }

    #[inline]
    fn is_over_high_water(&self) -> bool {
        self.outbox.is_over_high_water()
    }

    #[inline]
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_write_out(&mut self.io, &mut self.outbox, &mut self.dirty, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        uninterrupted(|| self.io.poll_shutdown(cx))
    }

    fn is_message_open(&self) -> bool {
        self.outbox.is_message_open()
    }

    fn unacknowledged(&mut self) -> Option<usize> {
        self.io.unacknowledged()
    }
}

/// The most slices handed to one vectored write.
const SLICES: usize = 32;

/// Writes everything queued, then flushes. Bytes leave the queue only once they are written.
#[inline]
pub(crate) fn poll_write_out<W: PollWrite>(
    io: &mut W,
    outbox: &mut Outbound,
    dirty: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !outbox.is_empty() {
        let written = match outbox.only_chunk() {
            Some(only) => io.poll_write(cx, &[IoSlice::new(only)]),
            None => poll_write_gathered(io, outbox, cx),
        };
        match written {
            Poll::Ready(Ok(0)) => {
                *dirty = false;
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            Poll::Ready(Ok(n)) => {
                outbox.advance(n);
                *dirty = true;
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Poll::Ready(Err(error)) => {
                // What was written before is not flushed: that would only fail again.
                *dirty = false;
                return Poll::Ready(Err(error));
            }
            Poll::Pending => {
                outbox.set_blocked(true);
                return Poll::Pending;
            }
        }
    }
    if *dirty {
        let flushed = ready!(uninterrupted(|| io.poll_flush(cx)));
        *dirty = false;
        flushed?;
        outbox.set_blocked(false);
    }
    Poll::Ready(Ok(()))
}

#[cold]
fn poll_write_gathered<W: PollWrite>(
    io: &mut W,
    outbox: &Outbound,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let used = outbox.chunks(&mut slices);
    io.poll_write(cx, slices.get(..used).unwrap_or_default())
}

/// Repeats a call that a signal has interrupted, which is no failure.
pub(crate) fn uninterrupted<R>(
    mut poll: impl FnMut() -> Poll<io::Result<R>>,
) -> Poll<io::Result<R>> {
    loop {
        match poll() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => return polled,
        }
    }
}
