//! What is between a socket and TLS.
#![cfg_attr(
    not(any(feature = "futures-io", feature = "tokio-io")),
    allow(dead_code, reason = "nothing reads without the traits of either")
)]

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::mem;
use std::task::{Poll, ready};

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(test)]
mod tests;
#[cfg(feature = "tokio-io")]
mod tokio_io;

/// A stream that TLS runs over, read in large pieces. `tls::Connector` and `tls::Acceptor` put it around the
/// stream that they are given.
///
/// rustls reads 4 to 18 KiB at a time, and each read is a system call. While more than that comes, this type
/// reads up to 64 KiB at once into a buffer that it borrows from the thread, and gives the buffer back when it
/// is empty. A connection that waits for its peer holds none, also in the middle of a TLS record. A connection
/// that the application does not read from holds 64 KiB at most. While little comes, reads go to the buffer of
/// rustls without a copy.
///
/// Writes go to the stream unchanged.
pub struct ReadAhead<S> {
    stream: S,
    unread: Unread,
}

impl<S> ReadAhead<S> {
    /// Wraps `stream`, before the TLS handshake.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Unread::default(),
        }
    }

    /// Returns a reference to the stream, for addresses and socket options.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the stream. Bytes that were read ahead and not taken are lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Fills `out` with what was read ahead or, if that is nothing, by `read`, which reads from the stream. It
    /// is called once at most.
    fn poll_fill(
        &mut self,
        out: &mut [u8],
        read: impl FnOnce(&mut S, &mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Self { stream, unread } = self;
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if unread.is_empty() {
            if unread.patience == 0 {
                let n = ready!(read(stream, out))?;
                if n == out.len() {
                    unread.patience = PATIENCE; // there may be more
                }
                return Poll::Ready(Ok(n));
            }
            let mut buffer = borrow();
            match read(stream, &mut buffer) {
                Poll::Ready(Ok(n)) => unread.put(buffer, n),
                other => {
                    give_back(buffer);
                    return other;
                }
            }
        }
        Poll::Ready(Ok(unread.take(out)))
    }
}

impl<S: fmt::Debug> fmt::Debug for ReadAhead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadAhead").field(&self.stream).finish()
    }
}

/// The size of a borrowed buffer, and the most that is read at once.
const AHEAD: usize = 64 << 10;
/// A rest of this size at most is moved from a borrowed buffer into one of its own size. A read that brings no
/// more than this needed no buffer.
const SMALL: usize = 4 << 10;
/// How many reads in a row have to be small before the next one goes without a buffer. More than one, because
/// the last piece of something large is small too.
const PATIENCE: u8 = 4;
/// How many buffers a thread keeps.
const KEPT: usize = 8;

/// What was read and not taken.
#[derive(Default)]
struct Unread {
    /// `at..end` is unread. It is a borrowed buffer or one for a small rest, and empty if nothing is unread.
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    /// 0 if reads go without a buffer.
    patience: u8,
}

impl Unread {
    fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Puts `n` bytes there, which were read into a borrowed buffer.
    fn put(&mut self, buffer: Box<[u8]>, n: usize) {
        self.patience = if n > SMALL {
            PATIENCE
        } else {
            self.patience.saturating_sub(1)
        };
        self.end = n.min(buffer.len());
        self.at = 0;
        self.buffer = buffer;
    }

    /// Moves as much as fits to `out`, and returns how much it was.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let unread = self.buffer.get(self.at..self.end).unwrap_or_default();
        let (taken, rest) = unread.split_at(unread.len().min(out.len()));
        let n = taken.len();
        if let Some(out) = out.get_mut(..n) {
            out.copy_from_slice(taken);
        }
        self.at += n;
        if rest.is_empty() || rest.len() <= SMALL && self.buffer.len() == AHEAD {
            let rest: Box<[u8]> = rest.into();
            (self.at, self.end) = (0, rest.len());
            give_back(mem::replace(&mut self.buffer, rest));
        }
        n
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        give_back(mem::take(&mut self.buffer));
    }
}

thread_local! {
    // Buffers stay initialised, so none is zeroed twice. They are of the size `AHEAD`.
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

fn borrow() -> Box<[u8]> {
    let kept = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop());
    kept.ok().flatten().unwrap_or_else(|| vec![0; AHEAD].into())
}

/// Gives a buffer to the pool of this thread, if it is one of a pool.
fn give_back(buffer: Box<[u8]>) {
    if buffer.len() != AHEAD {
        return;
    }
    // A thread that ends has no pool any more: the buffer is freed.
    let _ = POOL.try_with(|pool| {
        if let Ok(mut pool) = pool.try_borrow_mut() {
            if pool.len() < KEPT {
                pool.push(buffer);
            }
        }
    });
}
