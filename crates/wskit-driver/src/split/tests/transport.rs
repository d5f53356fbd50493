//! A transport that takes as many bytes as the test says, and keeps none.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use wskit_proto::{Config, Role};

use crate::{PollRead, PollWrite, Reader, Timer, Transport, WebSocket, Writer};

#[derive(Clone)]
pub(super) struct TestTransport(Arc<Mutex<State>>);

pub(super) struct State {
    /// How many bytes it takes.
    pub(super) room: usize,
    /// What a flush returns.
    pub(super) flush: fn() -> Poll<io::Result<()>>,
    pub(super) unread: Vec<u8>,
    /// How often it was asked to write.
    pub(super) writes: usize,
    writer: Option<Waker>,
}

/// Returns a server's split connection.
pub(super) fn split(
    room: usize,
    flush: fn() -> Poll<io::Result<()>>,
) -> (Reader<TestTransport>, Writer<TestTransport>, TestTransport) {
    let io = TestTransport(Arc::new(Mutex::new(State {
        room,
        flush,
        unread: Vec::new(),
        writes: 0,
        writer: None,
    })));
    let config = Config::new().keepalive(None);
    let (reader, writer) =
        WebSocket::from_parts(io.clone(), Role::Server, Bytes::new(), config).split();
    (reader, writer, io)
}

impl TestTransport {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Takes more bytes, and wakes the task that waits for it.
    pub(super) fn make_room(&self, bytes: usize) {
        let mut state = self.state();
        state.room += bytes;
        let waker = state.writer.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl PollRead for TestTransport {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let n = state.unread.len();
        if n == 0 {
            return Poll::Pending;
        }
        buf[..n].copy_from_slice(&state.unread);
        state.unread.clear();
        Poll::Ready(Ok(n))
    }
}

impl PollWrite for TestTransport {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        state.writes += 1;
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let taken = len.min(state.room);
        state.room -= taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = self.state().flush;
        flush()
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for TestTransport {
    type Read = Self;
    type Write = Self;
    type Timer = Never;

    fn timer(&self) -> Never {
        Never
    }

    fn into_split(self) -> (Self, Self) {
        (self.clone(), self)
    }
}

/// A timer that never goes off.
#[derive(Clone)]
pub(super) struct Never;

impl Timer for Never {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
