use std::fmt;

use crate::faults::Faults;
use crate::flood::Flood;
use crate::pipe::{Duplex, Side, lock, order, wake};

/// Watches one end of a pipe while somebody else holds it.
#[derive(Clone)]
pub struct Probe {
    duplex: Duplex,
    me: usize,
}

impl Probe {
    pub(crate) fn new(duplex: Duplex, me: usize) -> Self {
        Self { duplex, me }
    }

    /// Sets what goes wrong from now on; operations are counted from 0 again.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|me, _| {
            me.faults = faults;
            me.struck = false;
            me.operations = 0;
        });
    }

    /// Whether the fault has struck.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.with(|me, _| me.struck)
    }

    /// Polls of read, write, flush and shutdown so far.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.with(|me, _| me.operations)
    }

    /// Reads that brought bytes.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.with(|me, _| me.reads)
    }

    /// Writes that took bytes.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.with(|me, _| me.writes)
    }

    /// Flushes that were done.
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.with(|me, _| me.flushes)
    }

    /// Shutdowns that were done.
    #[must_use]
    pub fn shutdowns(&self) -> usize {
        self.with(|me, _| me.shutdowns)
    }

    /// Everything written at this end.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        self.with(|me, _| me.written.clone())
    }

    /// Forgets what was [`written`](Probe::written) so far: for tests that write more than they want
    /// to keep.
    pub fn forget_written(&self) {
        self.with(|me, _| me.written.clear());
    }

    /// Bytes that wait to be read at this end.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.with(|_, peer| peer.buffer.len())
    }

    /// Whether this end was dropped.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.with(|me, _| me.dropped)
    }

    /// Whether a read at this end has come upon the end of the stream.
    #[must_use]
    pub fn has_seen_end(&self) -> bool {
        self.with(|me, _| me.ended)
    }

    /// Resets the connection: the other end reads what was written, then its reads and writes fail.
    pub fn reset(&self) {
        let wakers = self.with(|me, peer| {
            me.reset_after = true;
            [peer.reader.take(), peer.writer.take()]
        });
        wakers.into_iter().for_each(wake);
    }

    /// From now on whatever the other end has read is followed by more: its reads never wait.
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
