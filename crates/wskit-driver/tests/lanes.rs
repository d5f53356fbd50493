//! Lanes under many orders of tasks, on threads, and compressed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::{Client, LaneConfig, Overflow, Priority, Runtime, Server, WebSocket};
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Config, Message, MessageKind, Outgoing, Role, deflate};
use wskit_test::{Clock, Executor, Faults, Simulated, SimulatedIo, join, pause, pipe};

const PRIORITIES: [Priority; 3] = [Priority::Urgent, Priority::Normal, Priority::Bulk];

fn config() -> Config {
    Config::new().keepalive(None).write_high_water(500)
}

/// Lanes of each priority, direct writers, messages in pieces and permits, at both ends of a narrow
/// pipe, with lanes paced or not. Every order of tasks ends cleanly, at once, with each message received
/// once and in its sender's order.
///
/// Proves: X-io-3, X-io-4
#[test]
fn every_schedule_with_lanes_ends_cleanly() {
    for seed in 0..200 {
        let executor = Executor::with_seed(seed);
        let finished = Rc::new(Cell::new(0));
        let done = finished.clone();
        executor.block_on(async {
            let (near, far) = pipe(37 + seed as usize % 100);
            if seed % 3 == 0 {
                near.probe().set_faults(Faults::hesitant());
                far.probe().set_faults(Faults::hesitant());
            }
            let client =
                WebSocket::from_parts(Simulated::wrap(near), Role::Client, Bytes::new(), config());
            let server =
                WebSocket::from_parts(Simulated::wrap(far), Role::Server, Bytes::new(), config());
            for ws in [client, server] {
                let (mut reader, writer) = ws.split();
                let writing = Rc::new(Cell::new(4));
                for who in 0..4_u8 {
                    let (writer, writing, done) = (writer.clone(), writing.clone(), done.clone());
                    executor.spawn(async move {
                        let priority = PRIORITIES[usize::from(who) % 3];
                        let mut rule = LaneConfig::new().priority(priority).max_messages(2);
                        if seed % 4 >= 2 {
                            rule = match who {
                                0 => rule.paced_by_delay(Duration::ZERO),
                                _ => rule.paced(1 + seed as usize % 3),
                            };
                        }
                        let mut lane = writer.lane(rule);
                        for at in 0..10_u8 {
                            let mut message = vec![who; 20 + usize::from(at) * 30];
                            message[1] = at;
                            match at % 4 {
                                _ if who == 3 => match at % 3 {
                                    0 => writer.feed(message).await.unwrap(),
                                    1 => writer.reserve().await.unwrap().send(message),
                                    _ => {
                                        let mut pieces =
                                            writer.begin(MessageKind::Binary).await.unwrap();
                                        pieces.write(&message).await.unwrap();
                                        pieces.finish().await.unwrap();
                                    }
                                },
                                0 => lane.feed(message).await.unwrap(),
                                1 => {
                                    while lane.push(&message).is_err() {
                                        lane.flush().await.unwrap();
                                    }
                                }
                                2 => {
                                    // A dropped call has sent nothing.
                                    let _ = wskit_test::once(writer.reserve()).await;
                                    lane.send(message).await.unwrap();
                                }
                                _ => {
                                    lane.feed(message).await.unwrap();
                                    let _ = wskit_test::once(lane.flush()).await;
                                }
                            }
                        }
                        lane.flush().await.unwrap();
                        writer.flush().await.unwrap();
                        writing.set(writing.get() - 1);
                        done.set(done.get() + 1);
                    });
                }
                let done = done.clone();
                executor.spawn(async move {
                    let mut next = [0_u8; 4];
                    while next.iter().sum::<u8>() < 40 {
                        let message = reader.recv().await.unwrap().unwrap();
                        let who = usize::from(message.as_bytes()[0]);
                        assert_eq!(message.as_bytes()[1], next[who], "seed {seed}");
                        next[who] += 1;
                    }
                    while writing.get() > 0 {
                        let _ = wskit_test::once(reader.recv()).await;
                        pause().await;
                    }
                    assert_eq!(writer.buffered().messages, 0, "seed {seed}");
                    writer.start_close(CloseCode::NORMAL, "").unwrap();
                    assert!(reader.recv().await.unwrap().is_none(), "seed {seed}");
                    done.set(done.get() + 1);
                });
            }
            while done.get() < 10 {
                pause().await;
            }
        });
        assert_eq!(finished.get(), 10, "seed {seed}");
        assert!(
            executor.clock().elapsed().is_zero(),
            "seed {seed}: a deadline had to help"
        );
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The clock stands still, so a task that is not woken never goes on.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let start = std::time::Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park_timeout(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(60), "stalled");
    }
}

/// The only direct writer that waits is dropped in its turn: the lanes go on.
///
/// Proves: X-io-4
#[test]
fn lane_goes_on_when_the_line_gives_up() {
    let (near, _far) = pipe(1000);
    let io = SimulatedIo::new(near, Clock::new());
    let (_reader, writer) = WebSocket::from_parts(io, Role::Server, Bytes::new(), config()).split();
    let mut cx = Context::from_waker(Waker::noop());
    let room = block_on(writer.reserve()).unwrap();
    let mut lane = writer.lane(LaneConfig::new());
    block_on(lane.feed("a")).unwrap();
    block_on(lane.feed("b")).unwrap();
    let mut in_line = Box::pin(writer.feed("x"));
    assert!(in_line.as_mut().poll(&mut cx).is_pending());
    drop(room);
    {
        let mut flush = pin!(lane.flush());
        assert!(flush.as_mut().poll(&mut cx).is_pending(), "it is x's turn");
    }
    assert_eq!(lane.buffered().messages, 1);
    drop(in_line);
    assert!(pin!(lane.flush()).poll(&mut cx).is_ready());
}

/// Each lane on its own thread, pushing without awaiting the socket until the end.
///
/// Proves: X-io-3
#[test]
fn lanes_work_on_threads_of_their_own() {
    for round in 0..30 {
        let (near, far) = pipe(50 + round * 40);
        let clock = Clock::new();
        let ws = |end, role| {
            let io = SimulatedIo::new(end, clock.clone());
            WebSocket::from_parts(io, role, Bytes::new(), config())
        };
        let all = Barrier::new(8);
        let ends = [ws(near, Role::Client), ws(far, Role::Server)];
        thread::scope(|scope| {
            for ws in ends {
                let (mut reader, writer) = ws.split();
                for who in 0..3_u8 {
                    let rule = LaneConfig::new().priority(PRIORITIES[usize::from(who)]);
                    let mut lane = writer.lane(rule.max_messages(20));
                    let all = &all;
                    scope.spawn(move || {
                        for at in 0..100_u8 {
                            let mut message = vec![who; 40];
                            message[1] = at;
                            if at % 2 == 0 {
                                block_on(lane.feed(message)).unwrap();
                            } else {
                                while lane.push(&message).is_err() {
                                    thread::yield_now();
                                }
                            }
                        }
                        // The reader of this end may have gone to wait for the others.
                        block_on(lane.flush()).unwrap();
                        all.wait();
                    });
                }
                let all = &all;
                scope.spawn(move || {
                    block_on(async {
                        let mut next = [0_u8; 3];
                        for _ in 0..300 {
                            let message = reader.recv().await.unwrap().unwrap();
                            let who = usize::from(message.as_bytes()[0]);
                            assert_eq!(message.as_bytes()[1], next[who], "round {round}");
                            next[who] += 1;
                        }
                    });
                    all.wait();
                    drop((reader, writer));
                });
            }
        });
    }
}

/// Displaced and overtaken messages leave no gap in the history of a compressed connection.
///
/// Proves: R7692-7.2.1-e
#[test]
fn displaced_messages_do_not_disturb_takeover() {
    Executor::new().block_on(async {
        let (near, far) = pipe(100);
        let eager = |config: deflate::Config| config.threshold(0).threshold_without_takeover(0);
        let client = Client::<Simulated>::new()
            .config(config().write_high_water(100))
            .deflate(eager(deflate::Config::client()));
        let server =
            Server::<Simulated>::new(OriginPolicy::Any).deflate(eager(deflate::Config::server()));
        let (client, server) = join(
            client.handshake(near, "ws://example.com/"),
            server.accept(far),
        )
        .await;
        let (client, mut server) = (client.unwrap().0, server.unwrap());
        assert!(client.deflate().is_some());
        let (mut reader, writer) = client.split();
        let talk = async {
            let drops = LaneConfig::new().overflow(Overflow::DropOldest);
            let mut oldest = writer.lane(drops.max_messages(3));
            let latest = LaneConfig::new().overflow(Overflow::LatestOnly);
            let mut latest = writer.lane(latest.priority(Priority::Urgent));
            for at in 0..300 {
                let text = format!(r#"{{"number":{at},"name":"a name that repeats"}}"#);
                oldest.push(&text).unwrap();
                if at % 7 == 0 {
                    latest.push(Outgoing::from(&text).uncompressed()).unwrap();
                }
                if at % 11 == 0 {
                    latest.push(&text).unwrap();
                }
                if at % 50 == 0 {
                    oldest.flush().await.unwrap();
                }
            }
            assert!(oldest.dropped() > 100 && latest.dropped() > 0);
            writer.start_close(CloseCode::NORMAL, "").unwrap();
        };
        let receive = async {
            let mut received = 0;
            while let Some(message) = server.recv().await.unwrap() {
                assert!(matches!(&message, Message::Text(text)
                    if text.ends_with(r#","name":"a name that repeats"}"#)));
                received += 1;
            }
            assert!(received > 10);
        };
        let (((), end), ()) = join(join(talk, reader.recv()), receive).await;
        assert!(end.unwrap().is_none());
        assert!(writer.outcome().unwrap().is_clean());
    });
}
