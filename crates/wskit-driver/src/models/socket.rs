//! A connection over a socket that the model controls.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use loom::sync::Mutex;
use wskit_proto::{Config, Role};

use crate::sync::{Arc, lock};
use crate::transport::{PollRead, PollWrite, Timer, Transport};
use crate::{Reader, WebSocket, Writer};

/// Returns a server's connection over a socket that takes `room` bytes for now, with a clock that stands
/// still.
pub(super) fn split(room: usize) -> (Reader<Socket>, Writer<Socket>, Socket) {
    split_in(Clock::still(), room)
}

pub(super) fn split_in(clock: Clock, room: usize) -> (Reader<Socket>, Writer<Socket>, Socket) {
    let (ws, socket) = connection(clock, room, LOW);
    let (reader, writer) = ws.split();
    (reader, writer, socket)
}

/// Returns a connection whose writers wait while more than `mark` bytes are queued.
pub(super) fn connection(clock: Clock, room: usize, mark: usize) -> (WebSocket<Socket>, Socket) {
    let socket = Socket {
        clock,
        state: Arc::new(Mutex::new(State {
            room,
            ..State::default()
        })),
    };
    let config = Config::new().keepalive(None).write_high_water(mark);
    let ws = WebSocket::from_parts(socket.clone(), Role::Server, Bytes::new(), config);
    (ws, socket)
}

/// A mark that one long message exceeds, and many of one byte do not.
pub(super) const LOW: usize = 50;

/// Queues [`FILL`], which exceeds the mark: later calls have to wait.
pub(super) fn fill(writer: &Writer<Socket>) {
    writer.try_feed(&FILL[2..]).unwrap();
}

pub(super) const FILL: &[u8] = &{
    let mut message = [7; 102];
    message[0] = 0x82;
    message[1] = 100;
    message
};

/// The peer's Close of code 1000.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8];

/// A socket with room for one waker in each direction, as those of runtimes have. It forgets the waker
/// when a poll of that direction is ready.
#[derive(Clone)]
pub(super) struct Socket {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How many bytes it takes.
    room: usize,
    written: Vec<u8>,
    /// What the peer answers once the written bytes end with the first of each.
    answers: Vec<(&'static [u8], &'static [u8])>,
    unread: VecDeque<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    ended: bool,
    /// A shutdown is pending.
    lingers: bool,
}

impl Socket {
    /// Takes `room` bytes from now on.
    pub(super) fn take(&self, room: usize) {
        lock(&self.state).room = room;
        // A writer may run between the two, and write.
        let waker = lock(&self.state).writer.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Keeps a shutdown pending until [`let_go`](Socket::let_go).
    pub(super) fn linger(&self) {
        lock(&self.state).lingers = true;
    }

    pub(super) fn let_go(&self) {
        lock(&self.state).lingers = false;
        let waker = lock(&self.state).writer.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Makes the peer send a Close of code 1000.
    pub(super) fn close_by_peer(&self) {
        lock(&self.state).unread.extend(CLOSE);
        let waker = lock(&self.state).reader.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Makes the peer answer a Close of code 1000 with the same code.
    pub(super) fn answer_close(&self) {
        self.answer(&[0x88, 2, 3, 0xe8], CLOSE);
    }

    /// Makes the peer answer a Close of code 1001 with the same code.
    pub(super) fn answer_going_away(&self) {
        self.answer(&[0x88, 2, 3, 0xe9], &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe9]);
    }

    /// Makes the peer answer the message `a`.
    pub(super) fn answer_message(&self) {
        self.answer(&[0x82, 1, b'a'], &[0x82, 0x81, 0, 0, 0, 0, b'!']);
    }

    /// Makes the peer answer written bytes, once.
    pub(super) fn answer(&self, written: &'static [u8], answer: &'static [u8]) {
        lock(&self.state).answers.push((written, answer));
    }

    pub(super) fn written(&self) -> Vec<u8> {
        lock(&self.state).written.clone()
    }
}

impl PollRead for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        if state.unread.is_empty() && !state.ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.reader = None;
        let n = buf.len().min(state.unread.len());
        for (to, from) in buf.iter_mut().zip(state.unread.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(n))
    }
}

impl PollWrite for Socket {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.writer = None;
        let bytes = chunks.iter().flat_map(|chunk| chunk.iter().copied());
        let taken: Vec<_> = bytes.take(state.room).collect();
        state.room -= taken.len();
        state.written.extend_from_slice(&taken);
        let mut waker = None;
        let State {
            answers, written, ..
        } = &*state;
        let asked = |(question, _): &(&[u8], _)| written.ends_with(question);
        if let Some(at) = answers.iter().position(asked) {
            let (_, answer) = state.answers.remove(at);
            state.unread.extend(answer);
            waker = state.reader.take();
        }
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.state);
        if state.lingers {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.writer = None;
        state.ended = true;
        let waker = state.reader.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Transport for Socket {
    type Read = Self;
    type Write = Self;
    type Timer = Clock;

    fn timer(&self) -> Clock {
        self.clock.clone()
    }

    fn into_split(self) -> (Self, Self) {
        (self.clone(), self)
    }
}

/// A clock that wakes no task.
#[derive(Clone)]
pub(super) enum Clock {
    /// No deadline is ever reached.
    Still(Instant),
    /// A deadline is reached as soon as it is armed.
    Leaping(Instant),
}

impl Clock {
    pub(super) fn still() -> Self {
        Self::Still(Instant::now())
    }

    pub(super) fn leaping() -> Self {
        Self::Leaping(Instant::now())
    }
}

impl Timer for Clock {
    fn now(&self) -> Instant {
        match self {
            Self::Still(now) | Self::Leaping(now) => *now,
        }
    }

    fn poll_until(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        match self {
            Self::Still(_) => Poll::Pending,
            Self::Leaping(now) => {
                *now = deadline.max(*now);
                Poll::Ready(Ok(()))
            }
        }
    }
}
