use std::fmt;

use crate::faults::Faults;
use crate::flood::Flood;
use crate::pipe::{Duplex, Side, lock, order, wake};

/// Observes and disturbs one end of a pipe that other code holds.
#[derive(Clone)]
pub struct Probe {
    duplex: Duplex,
    me: usize,
}

impl Probe {
    pub(crate) fn new(duplex: Duplex, me: usize) -> Self {
        Self { duplex, me }
    }

    /// Sets the faults from now on and counts operations from 0 again.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|me, _| {
            me.faults = faults;
            me.struck = false;
            me.operations = 0;
        });
    }

    /// Returns whether the fault has occurred.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.with(|me, _| me.struck)
    }

    /// Returns the polls of read, write, flush and shutdown since the last [`set_faults`](Self::set_faults).
    #[must_use]
    pub fn operations(&self) -> usize {
        self.with(|me, _| me.operations)
    }

    /// Returns the number of reads that returned bytes.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.with(|me, _| me.reads)
    }

    /// Returns the number of writes that took bytes.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.with(|me, _| me.writes)
    }

    /// Returns the number of completed flushes.
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.with(|me, _| me.flushes)
    }

    /// Returns the number of completed shutdowns.
    #[must_use]
    pub fn shutdowns(&self) -> usize {
        self.with(|me, _| me.shutdowns)
    }

    /// Returns all bytes written at this end.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        self.with(|me, _| me.written.clone())
    }

    /// Discards the record of bytes [`written`](Probe::written) so far, for tests that write much.
    pub fn forget_written(&self) {
        self.with(|me, _| me.written.clear());
    }

    /// Returns the number of bytes that wait to be read at this end.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.with(|_, peer| peer.buffer.len())
    }

    /// Returns whether this end was dropped.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.with(|me, _| me.dropped)
    }

    /// Returns whether a read at this end has reached the end of the stream.
    #[must_use]
    pub fn has_seen_end(&self) -> bool {
        self.with(|me, _| me.ended)
    }

    /// Resets the connection: the other end reads the bytes already written, then its reads and writes fail.
    pub fn reset(&self) {
        let wakers = self.with(|me, peer| {
            me.reset_after = true;
            [peer.reader.take(), peer.writer.take()]
        });
        wakers.into_iter().for_each(wake);
    }

    /// Sends a flood to the other end after the bytes already written: its reads never wait again.
    pub fn flood(&self, flood: Flood) {
        let waker = self.with(|me, peer| {
            me.flood = Some(flood);
            peer.reader.take()
        });
        wake(waker);
    }

    fn with<R>(&self, f: impl FnOnce(&mut Side, &mut Side) -> R) -> R {
        let mut sides = lock(&self.duplex);
        let [me, peer] = order(&mut sides, self.me);
        f(me, peer)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|me, _| {
            f.debug_struct("Probe")
                .field("operations", &me.operations)
                .field("reads", &me.reads)
                .field("writes", &me.writes)
                .field("written", &me.written.len())
                .finish_non_exhaustive()
        })
    }
}
