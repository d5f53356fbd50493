//! Models of what the threads of a connection do to each other: loom runs every order of their steps,
//! with at most so many forced switches between them.
//!
//! The code under test is the real one (`FanOut`, `Shared`, both halves), over a socket of the model's.
//! A wake-up that is lost is a deadlock, which loom reports. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p wskit-driver --lib --release models`; `LOOM_MAX_PREEMPTIONS`
//! raises the number of switches.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use wskit_proto::{CloseCode, Config, Message, MessageKind, Role};

use crate::fan_out::FanOut;
use crate::sync::{Arc, AtomicUsize, Ordering, lock};
use crate::transport::{PollRead, PollWrite, Timer, Transport};
use crate::{Reader, WebSocket, Writer};

/// Two tasks wait for one event through one waker: both are woken, whenever it comes.
#[test]
fn fan_out_wakes_everybody_who_waits() {
    model(3, || {
        let fan_out = Arc::new(FanOut::new());
        let event = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (fan_out, event) = (fan_out.clone(), event.clone());
                thread::spawn(move || {
                    block_on(std::future::poll_fn(|cx| {
                        let ticket = fan_out.ticket();
                        if event.load(Ordering::Acquire) == 1 {
                            return Poll::Ready(());
                        }
                        fan_out.wait(ticket, cx.waker());
                        Poll::Pending
                    }));
                })
            })
            .collect();
        event.store(1, Ordering::Release);
        Waker::from(fan_out).wake();
        join(waiting);
    });
}

/// Two writers send while the socket is full, with a single waker for both; then it takes everything.
#[test]
fn two_writers_go_on_when_the_socket_does() {
    model(3, || {
        let (reader, writer, socket) = split(3);
        let writing = [b"a", b"b"].map(|text| {
            let writer = writer.clone();
            thread::spawn(move || block_on(writer.send(&text[..])).unwrap())
        });
        socket.take(usize::MAX);
        join(writing);
        let mut written = socket.written();
        written.sort_unstable();
        assert_eq!(written, [1, 1, b'a', b'b', 0x82, 0x82]);
        drop((reader, writer));
    });
}

/// The first one in the line leaves it as the socket takes what filled the queue: the second gets in.
///
/// Proves: X-io-4
#[test]
fn line_moves_on_when_its_first_gives_up() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        // Above the mark.
        writer.try_feed(&[7; 100][..]).unwrap();
        let gives_up = {
            let writer = writer.clone();
            thread::spawn(move || {
                let waker = Waker::from(Arc::new(Parker::new()));
                let feed = pin!(writer.feed(&b"x"[..]));
                let _ = feed.poll(&mut Context::from_waker(&waker));
            })
        };
        let goes_on = {
            let writer = writer.clone();
            thread::spawn(move || block_on(writer.feed(&b"y"[..])).unwrap())
        };
        socket.take(usize::MAX);
        join([gives_up, goes_on]);
        drop((reader, writer));
    });
}

/// A writer starts to close while the reader waits or is about to: the reader is woken, arms the
/// deadline, and tells the end, though the peer says nothing more ever.
///
/// Proves: R6455-7.1.2-a
#[test]
fn close_of_a_writer_wakes_the_reader() {
    model(4, || {
        let (mut reader, writer, _) = split_in(Clock::Leaping(Instant::now()), usize::MAX);
        let closing = thread::spawn(move || writer.start_close(CloseCode::NORMAL, "").unwrap());
        let end = block_on(reader.recv());
        assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");
        assert!(reader.outcome().is_some());
        join([closing]);
    });
}

/// A writer closes and another one sends, while the reader receives: both Closes go, and all three end.
#[test]
fn everybody_learns_of_a_close() {
    model(1, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        let closing = {
            let writer = writer.clone();
            thread::spawn(move || {
                let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
                assert!(outcome.is_clean(), "{outcome:?}");
            })
        };
        let sending = thread::spawn(move || {
            if let Err(error) = block_on(writer.send(&b"late"[..])) {
                assert!(error.is_closed(), "{error:?}");
            }
        });
        assert!(block_on(reader.recv()).unwrap().is_none());
        join([closing, sending]);
    });
}

/// What a writer queued without writing leaves with a reader that waits, or that is about to.
#[test]
fn reader_finishes_a_dropped_send() {
    model(3, || {
        let (mut reader, writer, socket) = split(0);
        let sending = {
            let writer = writer.clone();
            thread::spawn(move || {
                let waker = Waker::from(Arc::new(Parker::new()));
                let send = pin!(writer.send(&b"a"[..]));
                let _ = send.poll(&mut Context::from_waker(&waker));
            })
        };
        // The peer answers once it has the whole of the message.
        socket.answer_message();
        let opening = {
            let socket = socket.clone();
            thread::spawn(move || socket.take(usize::MAX))
        };
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([sending, opening]);
        assert_eq!(socket.written(), [0x82, 1, b'a']);
        drop(writer);
    });
}

/// A message in pieces has the connection to itself until it is finished, and then the other writer is
/// let in.
///
/// Proves: R6455-5.4-c
#[test]
fn claim_keeps_another_writer_out_and_lets_it_in() {
    model(3, || {
        let (reader, writer, socket) = split(usize::MAX);
        let streaming = {
            let writer = writer.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut message = writer.begin(MessageKind::Binary).await.unwrap();
                    message.write(b"p").await.unwrap();
                    message.flush().await.unwrap();
                    message.finish().await.unwrap();
                });
            })
        };
        block_on(writer.send(&b"w"[..])).unwrap();
        join([streaming]);
        let (pieces, whole) = ([2, 1, b'p', 0x80, 0], [0x82, 1, b'w']);
        let written = socket.written();
        assert!(
            written == [&pieces[..], &whole].concat() || written == [&whole[..], &pieces].concat(),
            "{written:02x?}"
        );
        drop((reader, writer));
    });
}

/// The reader goes while a writer closes: the writer reads in its place.
#[test]
fn writer_that_closes_outlives_the_reader() {
    model(3, || {
        let (reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        let going = thread::spawn(move || drop(reader));
        let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
        assert!(outcome.is_clean(), "{outcome:?}");
        join([going]);
    });
}

/// Runs `f` in every order of its threads' steps with at most so many forced switches.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 50_000;
    let orders = std::sync::atomic::AtomicUsize::new(0);
    let counted = std::sync::Arc::new(orders);
    let counter = counted.clone();
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        f();
    });
    println!(
        "{} orders",
        counted.load(std::sync::atomic::Ordering::Relaxed)
    );
}

fn join<T>(threads: impl IntoIterator<Item = thread::JoinHandle<T>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(parker.clone());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.park();
    }
}

struct Parker {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self {
            woken: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    fn park(&self) {
        let mut woken = lock(&self.woken);
        while !core::mem::take(&mut *woken) {
            woken = self.wake.wait(woken).unwrap();
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *lock(&self.woken) = true;
        self.wake.notify_one();
    }
}

/// A server's connection over a socket that takes so many bytes for now, in a time that stands still.
fn split(room: usize) -> (Reader<Socket>, Writer<Socket>, Socket) {
    split_in(Clock::Still(Instant::now()), room)
}

fn split_in(clock: Clock, room: usize) -> (Reader<Socket>, Writer<Socket>, Socket) {
    let socket = Socket {
        clock,
        state: Arc::new(Mutex::new(State {
            room,
            ..State::default()
        })),
    };
    let config = Config::new().keepalive(None).write_high_water(50);
    let ws = WebSocket::from_parts(socket.clone(), Role::Server, Bytes::new(), config);
    let (reader, writer) = ws.split();
    (reader, writer, socket)
}

/// A socket with room for one waker a direction, as those of runtimes have.
#[derive(Clone)]
struct Socket {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Bytes that it takes.
    room: usize,
    written: Vec<u8>,
    /// What the peer answers once this has been written at the end.
    answer: Option<(&'static [u8], &'static [u8])>,
    unread: VecDeque<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    ended: bool,
}

impl Socket {
    /// Takes so many more bytes.
    fn take(&self, room: usize) {
        let mut state = lock(&self.state);
        state.room = room;
        let waker = state.writer.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The peer answers a Close with a Close.
    fn answer_close(&self) {
        lock(&self.state).answer = Some((&[0x88, 2, 3, 0xe8], &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]));
    }

    /// The peer answers the message `a`.
    fn answer_message(&self) {
        lock(&self.state).answer = Some((&[0x82, 1, b'a'], &[0x82, 0x81, 0, 0, 0, 0, b'!']));
    }

    fn written(&self) -> Vec<u8> {
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
        let bytes = chunks.iter().flat_map(|chunk| chunk.iter().copied());
        let taken: Vec<_> = bytes.take(state.room).collect();
        state.room -= taken.len();
        state.written.extend_from_slice(&taken);
        let mut waker = None;
        if let Some((_, answer)) = state
            .answer
            .filter(|(question, _)| state.written.ends_with(question))
        {
            state.answer = None;
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

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.state);
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

/// A clock that helps nobody who was not woken.
#[derive(Clone)]
enum Clock {
    /// No deadline is ever reached.
    Still(Instant),
    /// A deadline is reached once somebody arms it.
    Leaping(Instant),
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
