//! What a flush says of a transport that buffers.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use wskit_proto::{Config, Role, TimeoutKind};

use crate::{PollRead, PollWrite, Reader, Timer, Transport, WebSocket, Writer};

/// Takes what there is room for, and is flushed as the test says.
#[derive(Clone, Default)]
struct Buffering(Arc<Mutex<State>>);

struct State {
    room: usize,
    flush: fn() -> Poll<io::Result<()>>,
    unread: Vec<u8>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            room: usize::MAX,
            flush: || Poll::Pending,
            unread: Vec::new(),
        }
    }
}

impl PollRead for Buffering {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        let n = state.unread.len();
        if n == 0 {
            return Poll::Pending;
        }
        buf[..n].copy_from_slice(&state.unread);
        state.unread.clear();
        Poll::Ready(Ok(n))
    }
}

impl PollWrite for Buffering {
    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if state.room == 0 {
            return Poll::Pending;
        }
        let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let taken = len.min(state.room);
        state.room -= taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = self.0.lock().unwrap().flush;
        flush()
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Buffering {
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

#[derive(Clone)]
struct Never;

impl Timer for Never {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

fn split() -> (Reader<Buffering>, Writer<Buffering>, Buffering) {
    let io = Buffering::default();
    let config = Config::new().keepalive(None);
    let (reader, writer) =
        WebSocket::from_parts(io.clone(), Role::Server, Bytes::new(), config).split();
    (reader, writer, io)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The bytes are in the transport's buffer when the connection ends: they have not left.
#[test]
fn flush_that_the_end_overtakes_is_an_error() {
    let (_reader, writer, _) = split();
    let mut send = pin!(writer.send("x"));
    assert!(poll(send.as_mut()).is_pending());
    writer
        .shared
        .with_sender(|sender| sender.output.outbox.time_out(TimeoutKind::Keepalive));
    assert!(matches!(poll(send), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
}

/// The transport fails to pass them on: each of those who wait is told, not only the one who tried.
#[test]
fn flush_that_fails_is_an_error_for_all_who_wait() {
    let (_reader, writer, io) = split();
    let (mut one, mut two) = (pin!(writer.send("1")), pin!(writer.send("2")));
    assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
    io.0.lock().unwrap().flush = || Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
    writer.shared.socket_waker().wake_by_ref();
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
    assert!(matches!(poll(one), Poll::Ready(Err(_))));
    assert!(matches!(poll(two), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
}

/// A pong that waits is dropped when the peer's Close comes. A flush from before does not wait for it.
#[test]
fn flush_does_not_wait_for_a_pong_that_was_dropped() {
    let (mut reader, writer, io) = split();
    {
        let mut state = io.0.lock().unwrap();
        (state.room, state.flush) = (0, || Poll::Ready(Ok(())));
        state.unread = [&[0x89, 0xb2, 0, 0, 0, 0][..], &[7; 50]].concat();
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reader.poll_recv(&mut cx).is_pending());
    let mut send = pin!(writer.send("in the queue"));
    assert!(poll(send.as_mut()).is_pending());
    io.0.lock().unwrap().unread = vec![0x88, 0x82, 0, 0, 0, 0, 3, 0xe8];
    assert!(reader.poll_recv(&mut cx).is_pending(), "the socket is full");
    io.0.lock().unwrap().room = usize::MAX;
    writer.shared.socket_waker().wake_by_ref();
    assert!(matches!(reader.poll_recv(&mut cx), Poll::Ready(Ok(None))));
    assert!(matches!(poll(send), Poll::Ready(Ok(()))));
}
