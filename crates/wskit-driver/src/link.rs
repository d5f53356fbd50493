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
    /// Does the same where it must be fast.
    #[inline]
    fn poll_write_fast(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_out(cx)
    }
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

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_write_out(&mut self.io, &mut self.outbox, &mut self.dirty, cx)
    }

    #[inline(always)]
    fn poll_write_fast(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_write_fast(&mut self.io, &mut self.outbox, &mut self.dirty, cx)
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
fn poll_write_out<W: PollWrite>(
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
        ready!(wrote(outbox, dirty, written))?;
    }
    poll_flush(io, outbox, dirty, cx)
}

/// Does the same as [`poll_write_out`], with the common case inlined: all lies in one slice and is taken at once.
#[inline(always)]
pub(crate) fn poll_write_fast<W: PollWrite>(
    io: &mut W,
    outbox: &mut Outbound,
    dirty: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let Some(only) = outbox.only_chunk() else {
        return poll_write_out(io, outbox, dirty, cx);
    };
    if !only.is_empty() {
        match io.poll_write(cx, &[IoSlice::new(only)]) {
            Poll::Ready(Ok(n)) if outbox.advance_all(n) => *dirty = true,
            written => return poll_write_on(io, outbox, dirty, cx, written),
        }
    }
    poll_flush(io, outbox, dirty, cx)
}

/// Goes on after a write of which not all was taken, or which failed.
#[cold]
#[inline(never)]
fn poll_write_on<W: PollWrite>(
    io: &mut W,
    outbox: &mut Outbound,
    dirty: &mut bool,
    cx: &mut Context<'_>,
    written: Poll<io::Result<usize>>,
) -> Poll<io::Result<()>> {
    ready!(wrote(outbox, dirty, written))?;
    poll_write_out(io, outbox, dirty, cx)
}

/// Takes note of the result of a write. Ready if more may be written.
#[inline]
fn wrote(
    outbox: &mut Outbound,
    dirty: &mut bool,
    written: Poll<io::Result<usize>>,
) -> Poll<io::Result<()>> {
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
    Poll::Ready(Ok(()))
}

#[inline]
fn poll_flush<W: PollWrite>(
    io: &mut W,
    outbox: &mut Outbound,
    dirty: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
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
