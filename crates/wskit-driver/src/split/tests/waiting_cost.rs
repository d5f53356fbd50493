//! Counts what waiting costs: wake-ups and locks for each thousand messages, whatever the number of
//! calls that wait.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use super::transport::{TestTransport, split};
use crate::sync::locks;
use crate::{LaneConfig, Writer};

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

/// Runs the tasks in the order in which they are woken, and makes room for some messages whenever no
/// task can go on, until only the `endless` ones are left. Returns the wake-ups of each, and how often
/// a mutex was locked.
fn run(
    futures: Vec<Running>,
    io: &TestTransport,
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
        io.make_room(AT_ONCE * (MESSAGE + 4));
    }
    (wakes().collect(), locks() - locked)
}

const MESSAGE: usize = 32 << 10;
/// The number of messages that the socket takes at once: 128 KiB, as those of operating systems do after
/// they were full.
const AT_ONCE: usize = 4;
static PAYLOAD: [u8; MESSAGE] = [b'x'; MESSAGE];

/// How each sender sends its message.
#[derive(Clone, Copy)]
enum By {
    Writer,
    Lane,
}

async fn send(writer: Writer<TestTransport>, by: By) {
    let message = Bytes::from_static(&PAYLOAD);
    match by {
        By::Writer => writer.send(message).await.unwrap(),
        By::Lane => writer.lane(LaneConfig::new()).send(message).await.unwrap(),
    }
}

/// Returns wake-ups and locks for each thousand messages, each of another sender.
fn cost(senders: usize, by: By) -> (usize, usize) {
    let (_reader, writer, io) = split(0, || Poll::Ready(Ok(())));
    let mut futures: Vec<Running> = Vec::new();
    for _ in 0..senders {
        futures.push(Box::pin(send(writer.clone(), by)));
    }
    // A count that is far too high need not be completed.
    let (wakes, locked) = run(futures, &io, 0, 100 * senders);
    let wakes: usize = wakes.iter().sum();
    (wakes * 1_000 / senders, locked * 1_000 / senders)
}

/// Whether the two differ by at most a tenth.
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

/// A waiting reader writes for the writers: that may cost it two wake-ups for each message, and the
/// writers no more than without a reader.
#[test]
fn wake_ups_do_not_grow_where_a_reader_waits() {
    const SENDERS: usize = 1_000;
    let (mut reader, writer, io) = split(0, || Poll::Ready(Ok(())));
    let mut futures: Vec<Running> = vec![Box::pin(async move {
        let _ = reader.recv().await;
    })];
    for _ in 0..SENDERS {
        futures.push(Box::pin(send(writer.clone(), By::Writer)));
    }
    let (wakes, _) = run(futures, &io, 1, 100 * SENDERS);
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
