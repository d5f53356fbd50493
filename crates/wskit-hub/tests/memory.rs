//! What subscriptions, peers and topics take, by a counting allocator, and that it is given back.
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "counts of bytes"
)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wskit_driver::{Reader, WebSocket, Writer};
use wskit_hub::{
    Access, Event, History, Hub, Limits, Peer, PreparedMessage, Publication, Rules, Since, Slow,
    Wire,
};
use wskit_proto::{Config, Role};
use wskit_test::alloc::{self, Counting};
use wskit_test::{PipeEnd, Probe, Simulated, SimulatedIo, pipe, wrap};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The result of a future that does not wait.
fn now<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn hub(rules: Rules) -> Hub {
    let rules = rules.subscribe(Access::Everyone);
    let limits = Limits::new()
        .commands_per_sec(0)
        .topics_per_peer(u32::MAX)
        .memory(1 << 40);
    Hub::builder(move |_| rules.clone())
        .limits(limits)
        .shards(1)
        .build()
}

fn wire() -> Wire {
    Wire::new(|event| match event {
        Event::Published { message, .. } => Some(PreparedMessage::binary(message.payload())),
        Event::Skipped { count, .. } => Some(PreparedMessage::text(format!("missed {count}"))),
        _ => None,
    })
}

/// A connection on both ends.
struct Connection {
    client: PipeEnd,
    /// Of the server's end, which keeps what was written for tests that ask.
    probe: Probe,
    _reader: Reader<SimulatedIo>,
    writer: Writer<SimulatedIo>,
}

fn connection(room: usize) -> Connection {
    let (client, server) = pipe(room);
    let probe = server.probe();
    let config = Config::new().write_queue_limit(64);
    let ws = WebSocket::from_parts(
        wrap::<Simulated>(server),
        Role::Server,
        bytes::Bytes::new(),
        config,
    );
    let (reader, writer) = ws.split();
    Connection {
        client,
        probe,
        _reader: reader,
        writer,
    }
}

fn connections(count: usize) -> Vec<Connection> {
    (0..count).map(|_| connection(1 << 16)).collect()
}

fn attach(hub: &Hub, connections: &[Connection], wire: &Wire) -> Vec<Peer> {
    connections
        .iter()
        .map(|connection| hub.attach(&connection.writer, wire).unwrap())
        .collect()
}

fn subscribe(peers: &[Peer], topics: usize) {
    for peer in peers {
        for topic in 0..topics {
            now(peer.subscribe(&topic.to_string(), Since::Now)).unwrap();
        }
    }
}

/// Returns by how many bytes the live memory grows.
fn grown<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let before = alloc::live();
    let result = f();
    (result, (alloc::live() - before) as usize)
}

/// What the hub says it holds is what the allocator says, within 20 %.
fn agree(hub: &Hub, held_before: usize, real: usize, what: &str) {
    let held = bytes(hub) - held_before;
    assert!(
        held * 100 <= real * 120 && held * 120 >= real * 100,
        "{what}: {held} {real}"
    );
}

fn bytes(hub: &Hub) -> usize {
    let held = hub.held();
    held.topic_bytes + held.peer_bytes
}

#[test]
fn a_hundred_thousand_subscriptions_to_one_topic() {
    let hub = hub(Rules::live());
    let connections = connections(100_000);
    let peers = attach(&hub, &connections, &wire());
    let before = bytes(&hub);
    let ((), real) = grown(|| subscribe(&peers, 1));
    let each = real / peers.len();
    assert!(each <= 64, "{each}");
    agree(&hub, before, real, "one topic");
}

#[test]
fn a_hundred_topics_of_each_of_a_thousand_peers() {
    let hub = hub(Rules::live());
    let connections = connections(1000);
    let peers = attach(&hub, &connections, &wire());
    let before = bytes(&hub);
    let ((), real) = grown(|| subscribe(&peers, 100));
    let each = real / (peers.len() * 100);
    agree(&hub, before, real, "100 topics");
    assert!(each <= 64, "{each}");
    drop(peers);
    assert_eq!(hub.held().subscriptions, 0);
}

#[test]
fn a_peer_takes_at_most_256_bytes() {
    let hub = hub(Rules::live());
    let connections = connections(10_000);
    let before = bytes(&hub);
    let (peers, real) = grown(|| attach(&hub, &connections, &wire()));
    agree(&hub, before, real, "peers");
    assert!(real / peers.len() <= 256);
}

#[test]
fn a_topic_takes_at_most_320_bytes() {
    let hub = hub(Rules::live());
    let before = bytes(&hub);
    let ((), real) = grown(|| {
        for topic in 0..100_000 {
            let topic = format!("topic {topic}");
            now(hub.publish(&topic, Publication::binary(vec![]))).unwrap();
        }
    });
    agree(&hub, before, real, "topics");
    assert!(real / 100_000 <= 320);
}

#[test]
fn a_history_takes_its_payloads_and_little_more() {
    let hub = hub(Rules::stream(History::last(1000)));
    let connections = connections(1);
    let peers = attach(&hub, &connections, &wire());
    subscribe(&peers, 1);
    let before = bytes(&hub);
    let ((), real) = grown(|| {
        for _ in 0..1000 {
            now(hub.publish("0", Publication::binary(vec![0; 1000]))).unwrap();
        }
    });
    agree(&hub, before, real, "history");
}

/// As many as in 20 seconds at 5,000 a second; `WSKIT_CHURN_SECONDS` sets another time.
#[test]
fn churn_of_subscriptions_gives_back_all_bytes() {
    let seconds = std::env::var("WSKIT_CHURN_SECONDS").ok();
    let seconds: usize = seconds.map_or(20, |seconds| seconds.parse().unwrap());
    let hub = hub(Rules::live());
    // Their pipes are full soon.
    let connections: Vec<_> = (0..500).map(|_| connection(128)).collect();
    let peers = attach(&hub, &connections, &wire());
    let round = || {
        for (i, peer) in peers.iter().enumerate() {
            for topic in [i % 7, i % 50, 100 + i] {
                let topic = topic.to_string();
                // Some are subscribed already.
                let _ = now(peer.subscribe(&topic, Since::Now));
            }
        }
        now(hub.publish("1", Publication::binary(vec![0; 100]))).unwrap();
        for (i, peer) in peers.iter().enumerate().rev() {
            for topic in [100 + i, i % 7, i % 50] {
                peer.unsubscribe(&topic.to_string());
            }
        }
        assert_eq!(hub.held().subscriptions, 0);
    };
    // The topics, and places in lists, are there from now on.
    for _ in 0..10 {
        round();
    }
    let (before, held) = (alloc::live(), bytes(&hub));
    for _ in 0..seconds * 5000 / 1500 {
        round();
    }
    assert_eq!(bytes(&hub), held);
    assert_eq!(alloc::live(), before);
}

/// What one message takes more for them, with messages that are all kept once.
#[test]
fn one_in_a_hundred_never_reads_and_nothing_grows() {
    let hub = hub(Rules::live().slow(Slow::DropOldest(16)));
    let wire = wire();
    let (quick, stalled) = (9_900, 100);
    let mut connections = connections(quick);
    connections.extend((0..stalled).map(|_| connection(256)));
    let peers = attach(&hub, &connections, &wire);
    subscribe(&peers, 1);
    let mut sink = vec![0; 1 << 16];
    let mut round = || {
        now(hub.publish("0", Publication::binary(vec![7; 100]))).unwrap();
        for connection in connections.iter_mut().take(quick) {
            let mut cx = Context::from_waker(Waker::noop());
            let mut count = 0;
            while let Poll::Ready(Ok(bytes)) = connection.client.poll_read(&mut cx, &mut sink) {
                count += bytes;
            }
            connection.probe.forget_written();
            // A header of 2 bytes: each message in one piece, and one for each.
            assert_eq!(count, 102);
        }
    };
    for _ in 0..30 {
        round();
    }
    let stats = hub.stats();
    assert_eq!(stats.behind, stalled as u64);
    let (before, held) = (alloc::live(), bytes(&hub));
    for _ in 0..30 {
        round();
    }
    assert!(alloc::live() - before < 4096, "{}", alloc::live() - before);
    assert!(bytes(&hub) <= held + 4096);
    // Each write is one of a quick one: those that do not read cost none.
    assert_eq!(hub.stats().writes - stats.writes, 30 * quick as u64);
    assert_eq!(hub.stats().delivered - stats.delivered, 30 * quick as u64);
}
