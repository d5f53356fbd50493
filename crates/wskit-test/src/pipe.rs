use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::faults::{Fault, Faults};
use crate::flood::Flood;
use crate::probe::Probe;

/// Creates the two ends of an in-memory byte stream that holds `capacity` bytes in each direction.
///
/// Like a socket it keeps one waker per direction: a second task that waits for the same operation
/// replaces the first.
#[must_use]
pub fn pipe(capacity: usize) -> (PipeEnd, PipeEnd) {
    let duplex = Arc::new(Mutex::new([Side::new(capacity), Side::new(capacity)]));
    let end = |me| {
        let hold = Arc::new(Hold {
            duplex: duplex.clone(),
            me,
        });
        PipeEnd {
            read: PipeRead { hold: hold.clone() },
            write: PipeWrite { hold },
        }
    };
    (end(0), end(1))
}

/// One end of a [`pipe`]. Dropping it ends the stream for the other end, whose writes then fail.
#[derive(Debug)]
pub struct PipeEnd {
    read: PipeRead,
    write: PipeWrite,
}

/// The reading half of a [`PipeEnd`].
#[derive(Debug)]
pub struct PipeRead {
    hold: Arc<Hold>,
}

/// The writing half of a [`PipeEnd`].
#[derive(Debug)]
pub struct PipeWrite {
    hold: Arc<Hold>,
}

impl PipeEnd {
    /// Splits the end into its halves. The end counts as dropped when both are.
    #[must_use]
    pub fn split(self) -> (PipeRead, PipeWrite) {
        (self.read, self.write)
    }

    /// Puts the halves of one end together again.
    ///
    /// # Errors
    /// The halves, if they are of two ends.
    pub fn reunite(read: PipeRead, write: PipeWrite) -> Result<Self, (PipeRead, PipeWrite)> {
        if Arc::ptr_eq(&read.hold, &write.hold) {
            Ok(Self { read, write })
        } else {
            Err((read, write))
        }
    }

    /// Returns a probe, which observes this end and sets its faults while other code holds it.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe::new(self.read.hold.duplex.clone(), self.read.hold.me)
    }

    /// Reads bytes; see [`PipeRead::poll_read`].
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read.poll_read(cx, buf)
    }

    /// Writes bytes; see [`PipeWrite::poll_write`].
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write.poll_write(cx, chunks)
    }

    /// Returns the bytes that the other end has not read; see [`PipeWrite::unread`].
    #[must_use]
    pub fn unread(&self) -> usize {
        self.write.unread()
    }

    /// Completes at once; see [`PipeWrite::poll_flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_flush(cx)
    }

    /// Ends the stream for the other end; see [`PipeWrite::poll_shutdown`].
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_shutdown(cx)
    }
}

impl PipeRead {
    /// Reads the bytes that are available. Returns 0 at the end of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(
            !buf.is_empty(),
            "a read into an empty buffer looks like the end of the stream"
        );
        // A waker is cloned and dropped without the lock: its code may use this pipe.
        let waker = cx.waker().clone();
        let mut sides = self.hold.lock();
        let [me, peer] = self.hold.order(&mut sides);
        if let Some(polled) = me.gate(Op::Read, cx) {
            return polled;
        }
        if me.ended {
            return Poll::Ready(me.end());
        }
        if peer.buffer.is_empty() {
            if let Some(flood) = peer.flood.as_mut().filter(|_| !peer.dropped) {
                let (n, pass) = flood.fill(buf);
                me.reads += 1;
                drop(sides);
                // The code that it wakes may use this pipe.
                pass();
                return Poll::Ready(Ok(n));
            }
            if peer.reset_after {
                me.broken = Some(io::ErrorKind::ConnectionReset);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if peer.shut_down || peer.dropped {
                me.ended = true;
                return Poll::Ready(me.end());
            }
            let before = me.reader.replace(waker);
            drop(sides);
            drop(before);
            return Poll::Pending;
        }
        let most = if me.faults.one_byte_reads {
            1
        } else {
            buf.len()
        };
        let n = most.min(peer.buffer.len());
        for (to, from) in buf.iter_mut().zip(peer.buffer.drain(..n)) {
            *to = from;
        }
        me.reads += 1;
        let writer = peer.writer.take();
        drop(sides);
        wake(writer);
        Poll::Ready(Ok(n))
    }
}

impl PipeWrite {
    /// Takes as many bytes as there is room for.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        assert!(
            !chunks.is_empty() && chunks.iter().all(|chunk| !chunk.is_empty()),
            "a write of nothing"
        );
        let waker = cx.waker().clone();
        let mut sides = self.hold.lock();
        let [me, peer] = self.hold.order(&mut sides);
        if let Some(polled) = me.gate(Op::Write, cx) {
            return polled;
        }
        if peer.dropped || me.shut_down || peer.reset_after {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = me.capacity - me.buffer.len();
        if room == 0 {
            let before = me.writer.replace(waker);
            drop(sides);
            drop(before);
            return Poll::Pending;
        }
        let most = if me.faults.one_byte_writes { 1 } else { room };
        let before = me.written.len();
        for chunk in chunks {
            let left = most - (me.written.len() - before);
            let chunk = &chunk[..left.min(chunk.len())];
            me.buffer.extend(chunk);
            me.written.extend_from_slice(chunk);
        }
        me.writes += 1;
        let n = me.written.len() - before;
        let reader = peer.reader.take();
        drop(sides);
        wake(reader);
        Poll::Ready(Ok(n))
    }

    /// Returns the number of bytes that were written and that the other end has not read.
    #[must_use]
    pub fn unread(&self) -> usize {
        let mut sides = self.hold.lock();
        let [me, _] = self.hold.order(&mut sides);
        me.buffer.len()
    }

    /// Completes at once and is counted.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sides = self.hold.lock();
        let [me, _] = self.hold.order(&mut sides);
        if let Some(polled) = me.gate(Op::Flush, cx) {
            return polled.map_ok(drop);
        }
        me.flushes += 1;
        Poll::Ready(Ok(()))
    }

    /// Ends the stream: the other end reads the bytes already written, then the end.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sides = self.hold.lock();
        let [me, peer] = self.hold.order(&mut sides);
        if let Some(polled) = me.gate(Op::Shutdown, cx) {
            return polled.map_ok(drop);
        }
        me.shutdowns += 1;
        me.shut_down = true;
        let reader = peer.reader.take();
        drop(sides);
        wake(reader);
        Poll::Ready(Ok(()))
    }
}

pub(crate) type Duplex = Arc<Mutex<[Side; 2]>>;

/// Keeps an end alive. Dropping the last half drops it.
struct Hold {
    duplex: Duplex,
    me: usize,
}

impl Hold {
    fn lock(&self) -> MutexGuard<'_, [Side; 2]> {
        lock(&self.duplex)
    }

    fn order<'a>(&self, sides: &'a mut [Side; 2]) -> [&'a mut Side; 2] {
        order(sides, self.me)
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "end {}", self.me)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut sides = self.lock();
        let [me, peer] = self.order(&mut sides);
        me.dropped = true;
        let wakers = [peer.reader.take(), peer.writer.take()];
        drop(sides);
        wakers.into_iter().for_each(wake);
    }
}

pub(crate) fn lock(duplex: &Duplex) -> MutexGuard<'_, [Side; 2]> {
    duplex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn order(sides: &mut [Side; 2], me: usize) -> [&mut Side; 2] {
    let [a, b] = sides;
    if me == 0 { [a, b] } else { [b, a] }
}

pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The state of one end.
#[derive(Debug)]
pub(crate) struct Side {
    /// Written here, not yet read there.
    pub(crate) buffer: VecDeque<u8>,
    capacity: usize,
    /// The flood that follows the buffer.
    pub(crate) flood: Option<Flood>,
    pub(crate) shut_down: bool,
    pub(crate) dropped: bool,
    /// Whether the other end, having read everything, sees a reset instead of the end.
    pub(crate) reset_after: bool,
    /// The task that waits to read here.
    pub(crate) reader: Option<Waker>,
    /// The task that waits for room here.
    pub(crate) writer: Option<Waker>,
    pub(crate) faults: Faults,
    /// Whether the fault has occurred.
    pub(crate) struck: bool,
    /// The error of every operation from now on.
    broken: Option<io::ErrorKind>,
    /// Whether a read has returned 0.
    pub(crate) ended: bool,
    full: bool,
    /// Whether the next operation of each kind has been pending once already.
    waited: [bool; 4],
    pub(crate) operations: usize,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) flushes: usize,
    pub(crate) shutdowns: usize,
    pub(crate) written: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Read,
    Write,
    Flush,
    Shutdown,
}

/// More than any test needs: a loop that never waits panics here.
const MOST_OPERATIONS: usize = 20_000_000;

impl Side {
    fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a pipe without room takes no byte ever");
        Self {
            buffer: VecDeque::new(),
            capacity,
            flood: None,
            shut_down: false,
            dropped: false,
            reset_after: false,
            reader: None,
            writer: None,
            faults: Faults::none(),
            struck: false,
            broken: None,
            ended: false,
            full: false,
            waited: [false; 4],
            operations: 0,
            reads: 0,
            writes: 0,
            flushes: 0,
            shutdowns: 0,
            written: Vec::new(),
        }
    }

    /// Returns the result of a read at the end of the stream.
    fn end(&self) -> io::Result<usize> {
        if self.faults.abrupt_end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(0)
    }

    /// Counts an operation. Returns its result if a fault decides it.
    fn gate(&mut self, op: Op, cx: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let number = self.operations;
        self.operations += 1;
        assert!(
            number < MOST_OPERATIONS,
            "busy: {number} operations on one transport"
        );
        if self.faults.pending_first {
            let waited = &mut self.waited[op as usize];
            *waited = !*waited;
            if *waited {
                cx.waker().wake_by_ref();
                return Some(Poll::Pending);
            }
        }
        if let Some((fault, at)) = self.faults.at.filter(|_| !self.struck) {
            if at <= number && (fault != Fault::ZeroWrite || op == Op::Write) {
                self.struck = true;
                if let Some(polled) = self.strike(fault, op, cx) {
                    return Some(polled);
                }
            }
        }
        if let Some(kind) = self.broken {
            return Some(Poll::Ready(Err(kind.into())));
        }
        if self.full && op == Op::Write {
            return Some(Poll::Ready(Ok(0)));
        }
        None
    }

    fn strike(
        &mut self,
        fault: Fault,
        op: Op,
        cx: &Context<'_>,
    ) -> Option<Poll<io::Result<usize>>> {
        match fault {
            Fault::Interrupted => return Some(Poll::Ready(Err(fault.kind().into()))),
            Fault::Pending => {
                cx.waker().wake_by_ref();
                return Some(Poll::Pending);
            }
            Fault::ZeroWrite => self.full = true,
            Fault::Eof if op == Op::Read => self.ended = true,
            Fault::Reset => {
                self.broken = Some(fault.kind());
                self.reset_after = true;
            }
            Fault::Eof | Fault::BrokenPipe => {
                self.broken = Some(fault.kind());
                self.shut_down = true;
            }
        }
        None
    }
}
