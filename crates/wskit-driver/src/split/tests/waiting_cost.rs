//! What it costs to wait: wake-ups and locks a thousand messages, however many wait. Counted, not timed.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use wskit_proto::{Config, Role};

use crate::sync::locks;
use crate::{LaneConfig, PollRead, PollWrite, Timer, Transport, WebSocket, Writer};

/// A socket that takes as many bytes as the test says, and keeps none.
#[derive(Clone, Default)]
struct Drain(Arc<Mutex<Room>>);

#[derive(Default)]
struct Room {
    bytes: usize,
    waker: Option<Waker>,
}

impl Drain {
    fn make_room(&self, bytes: usize) {
        let mut room = self.0.lock().unwrap();
        room.bytes += bytes;
        let waker = room.waker.take();
        drop(room);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl PollRead for Drain {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl PollWrite for Drain {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut room = self.0.lock().unwrap();
        if room.bytes == 0 {
            room.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let taken = len.min(room.bytes);
        room.bytes -= taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Drain {
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

/// A task, and how often it was woken.
struct Task {
    at: usize,
    queued: AtomicBool,
    wakes: AtomicUsize,
    queue: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.lock().unwrap().push_back(self.at);
        }
    }
}

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// Runs the tasks in the order in which they are woken, and makes room for some messages whenever none
/// can go on, until only the `endless` are left. The wake-ups of each, and how often something was locked.
fn run(
    futures: Vec<Running>,
    drain: &Drain,
    endless: usize,
    most_wakes: usize,
) -> (Vec<usize>, usize) {
    let queue: Arc<Mutex<VecDeque<usize>>> = Arc::new(Mutex::new((0..futures.len()).collect()));
    let mut futures: Vec<_> = futures.into_iter().map(Some).collect();
    let tasks: Vec<_> = (0..futures.len())
        .map(|at| {
            Arc::new(Task {
                at,
                queued: AtomicBool::new(true),
                wakes: AtomicUsize::new(0),
                queue: queue.clone(),
            })
        })
        .collect();
    let wakes = || tasks.iter().map(|task| task.wakes.load(Ordering::Relaxed));
    let locked = locks();
    let (mut left, mut steps) = (futures.len(), 0);
    loop {
        loop {
            let next = queue.lock().unwrap().pop_front();
            let Some(at) = next else { break };
            tasks[at].queued.store(false, Ordering::Relaxed);
            let waker = Waker::from(tasks[at].clone());
            let mut cx = Context::from_waker(&waker);
            let is_over = futures[at]
                .as_mut()
                .is_some_and(|future| future.as_mut().poll(&mut cx).is_ready());
            if is_over {
                futures[at] = None;
                left -= 1;
            }
        }
        if left == endless || wakes().sum::<usize>() > most_wakes {
            break;
        }
        assert!(steps < 2 * futures.len(), "some were never woken");
        steps += 1;
        drain.make_room(AT_ONCE * (MESSAGE + 4));
    }
    (wakes().collect(), locks() - locked)
}

const MESSAGE: usize = 32 << 10;
/// The number of messages that a socket takes at once: 128 KiB, as those of systems do after they were full.
const AT_ONCE: usize = 4;
static PAYLOAD: [u8; MESSAGE] = [b'x'; MESSAGE];

/// How each sender sends its message.
#[derive(Clone, Copy)]
enum By {
    Writer,
    Lane,
}

async fn send(writer: Writer<Drain>, by: By) {
    let message = Bytes::from_static(&PAYLOAD);
    match by {
        By::Writer => writer.send(message).await.unwrap(),
        By::Lane => writer.lane(LaneConfig::new()).send(message).await.unwrap(),
    }
}

/// Wake-ups and locks for each thousand messages of this number of senders.
fn cost(senders: usize, by: By) -> (usize, usize) {
    let drain = Drain::default();
    let config = Config::new().keepalive(None);
    let (_reader, writer) =
        WebSocket::from_parts(drain.clone(), Role::Server, Bytes::new(), config).split();
    let mut futures: Vec<Running> = Vec::new();
    for _ in 0..senders {
        futures.push(Box::pin(send(writer.clone(), by)));
    }
    // What is far too much need not be counted to its end.
    let (wakes, locked) = run(futures, &drain, 0, 100 * senders);
    let wakes: usize = wakes.iter().sum();
    (wakes * 1_000 / senders, locked * 1_000 / senders)
}

/// Within a tenth.
fn is_flat(few: usize, many: usize) -> bool {
    many.abs_diff(few) * 10 <= few
}

#[test]
fn wake_ups_do_not_grow_with_the_number_of_writers() {
    let (few, _) = cost(1_000, By::Writer);
    assert!(few <= 4_000, "{few} wake-ups a thousand messages");
    let (many, _) = cost(8_000, By::Writer);
    assert!(
        is_flat(few, many),
        "{few} wake-ups a thousand messages, then {many}"
    );
}

#[test]
fn locks_do_not_grow_with_the_number_of_writers() {
    let (_, few) = cost(1_000, By::Writer);
    assert!(few <= 4_000, "{few} locks a thousand messages");
    let (_, many) = cost(8_000, By::Writer);
    assert!(
        is_flat(few, many),
        "{few} locks a thousand messages, then {many}"
    );
}

#[test]
fn wake_ups_do_not_grow_with_the_number_of_lanes() {
    let (few, _) = cost(1_000, By::Lane);
    assert!(few <= 4_000, "{few} wake-ups a thousand messages");
    let (many, _) = cost(8_000, By::Lane);
    assert!(
        is_flat(few, many),
        "{few} wake-ups a thousand messages, then {many}"
    );
}

/// A reader that waits writes for the others: that may cost it a wake-up or two a message, and the
/// others no more than without it.
#[test]
fn wake_ups_do_not_grow_where_a_reader_waits() {
    const SENDERS: usize = 1_000;
    let drain = Drain::default();
    let config = Config::new().keepalive(None);
    let (mut reader, writer) =
        WebSocket::from_parts(drain.clone(), Role::Server, Bytes::new(), config).split();
    let mut futures: Vec<Running> = vec![Box::pin(async move {
        let _ = reader.recv().await;
    })];
    for _ in 0..SENDERS {
        futures.push(Box::pin(send(writer.clone(), By::Writer)));
    }
    let (wakes, _) = run(futures, &drain, 1, 100 * SENDERS);
    let (of_reader, of_writers) = (wakes[0], wakes[1..].iter().sum::<usize>());
    assert!(
        of_writers <= 4 * SENDERS,
        "{of_writers} wake-ups of writers"
    );
    assert!(
        of_reader <= 2 * SENDERS,
        "{of_reader} wake-ups of the reader"
    );
}
