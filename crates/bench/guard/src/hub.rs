//! A hub: what a delivery and what a publication cost it. And what delivering without one costs.

use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wskit::bytes::Bytes;
use wskit::hub::{Access, Hub, Limits, Peer, Publication, Rules, Since, Wire};
use wskit::proto::Role;
use wskit::{Config, PreparedMessage, Reader, Writer, from_parts};

use crate::Cell;
use crate::count::mark;

/// Delivers in a shard whose connections do nothing.
#[cfg(wskit_bench)]
pub fn shard(cell: Cell) {
    let mut deliveries = wskit::hub::bench::Deliveries::new(cell.size as u32);
    rounds(cell, || deliveries.publish(cell.depth as u64));
    let delivered = deliveries.delivered();
    assert_eq!(
        delivered,
        (WARM_UP * cell.size * cell.depth + cell.messages()) as u64
    );
}

/// `run.sh` builds with that.
#[cfg(not(wskit_bench))]
pub fn shard(_: Cell) {
    eprintln!("build with --cfg wskit_bench");
    std::process::exit(2);
}

/// Publishes to one topic, whose subscribers' transport takes everything.
pub fn deliver(cell: Cell) {
    let hub = hub(1);
    let peers = peers(&hub, cell.size);
    // Nothing is delivered before it is polled, so that all messages of a round go together.
    let mut driver = pin!(hub.drive(|_| pending::<()>()));
    let mut cx = Context::from_waker(Waker::noop());
    let _ = driver.as_mut().poll(&mut cx);
    let mut delivered = 0;
    rounds(cell, || {
        for _ in 0..cell.depth {
            ready(hub.publish("topic", payload())).expect("a topic");
        }
        delivered += (cell.size * cell.depth) as u64;
        while hub.stats().delivered < delivered {
            assert!(driver.as_mut().poll(&mut cx).is_pending());
        }
    });
    let expected = WARM_UP * cell.size * cell.depth + cell.messages();
    assert_eq!(hub.stats().delivered, expected as u64);
    drop(peers);
}

/// Sends to each of many connections by its writer.
pub fn batch(cell: Cell) {
    let connection = |_| from_parts(Discard, Role::Server, Bytes::new(), Config::new()).split();
    let connections: Vec<(Reader<Discard>, Writer<Discard>)> =
        (0..cell.size).map(connection).collect();
    let message = PreparedMessage::binary(PAYLOAD);
    let messages = vec![&message; cell.depth];
    rounds(cell, || {
        for (_, writer) in &connections {
            let batched = writer.batch(&messages).expect("an open connection");
            assert_eq!((batched.accepted, batched.queued), (cell.depth, 0));
        }
    });
}

/// Publishes to one topic for so long, as fast as a number of drivers deliver, each on a thread of its own.
/// Returns the deliveries per second.
pub fn drivers(drivers: usize, subscribers: usize, time: Duration) -> f64 {
    let hub = hub(drivers as u16);
    let peers = peers(&hub, subscribers);
    let waker = || Waker::from(Arc::new(Unpark(thread::current())));
    for _ in 0..drivers {
        let hub = hub.clone();
        thread::spawn(move || wait(waker(), hub.drive(|_| pending::<()>())));
    }
    let start = Instant::now();
    let before = hub.stats().delivered;
    while start.elapsed() < time {
        wait(waker(), hub.publish("topic", payload())).expect("a topic");
    }
    let delivered = hub.stats().delivered - before;
    let per_second = delivered as f64 / start.elapsed().as_secs_f64();
    drop(peers);
    per_second
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(waker: Waker, future: impl Future<Output = T>) -> T {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

type Seated = (Reader<Discard>, Writer<Discard>, Peer);

fn peers(hub: &Hub, count: usize) -> Vec<Seated> {
    let wire = Wire::payloads();
    let peer = |_| {
        let ws = from_parts(Discard, Role::Server, Bytes::new(), Config::new());
        let (reader, writer) = ws.split();
        let peer = hub.attach(&writer, &wire).expect("an open connection");
        ready(peer.subscribe("topic", Since::Now)).expect("an open topic");
        (reader, writer, peer)
    };
    (0..count).map(peer).collect()
}

/// Publishes to topics without subscribers.
pub fn publish(cell: Cell) {
    let hub = hub(1);
    let topics: Vec<_> = (0..cell.size).map(|n| format!("topic:{n}")).collect();
    let mut next = topics.iter().cycle();
    let mut all = || {
        for topic in next.by_ref().take(cell.messages()) {
            ready(hub.publish(topic, payload())).expect("a topic");
        }
    };
    all();
    mark();
    all();
    mark();
}

fn rounds(cell: Cell, mut round: impl FnMut()) {
    for _ in 0..WARM_UP {
        round();
    }
    mark();
    for _ in 0..cell.rounds() {
        round();
    }
    mark();
}

const WARM_UP: usize = 1;

fn hub(shards: u16) -> Hub {
    let rules = Rules::live().subscribe(Access::Everyone);
    let limits = Limits::new().memory(8 << 30).commands_per_sec(0);
    Hub::builder(move |_| rules.clone())
        .limits(limits)
        .shards(shards)
        .build()
}

fn payload() -> Publication {
    Publication::binary(Bytes::from_static(PAYLOAD))
}

const PAYLOAD: &[u8] = b"0123456789abcdef";

/// Returns the result of a future that does not wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

/// A transport that takes everything and never has anything to read.
struct Discard;

impl AsyncRead for Discard {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Discard {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        chunks: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(chunks.iter().map(|chunk| chunk.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
