//! The halves of a connection on separate threads.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::WebSocket;
use wskit_proto::{CloseCode, Config, Role};
use wskit_test::{Clock, SimulatedIo, pipe};

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
    let woken_before = std::time::Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park_timeout(Duration::from_secs(60));
        assert!(woken_before.elapsed() < Duration::from_secs(60), "stalled");
    }
}

/// Three writers and a reader at each end.
///
/// Proves: X-io-3
#[test]
fn halves_work_on_threads_of_their_own() {
    for round in 0..20 {
        let (near, far) = pipe(50 + round * 40);
        let clock = Clock::new();
        let config = || Config::new().keepalive(None).write_high_water(600);
        let ws = |end, role| {
            WebSocket::from_parts(
                SimulatedIo::new(end, clock.clone()),
                role,
                Bytes::new(),
                config(),
            )
        };
        // No half is dropped before all messages have arrived.
        let all = Barrier::new(8);
        let ends = [ws(near, Role::Client), ws(far, Role::Server)];
        thread::scope(|scope| {
            for ws in ends {
                let (mut reader, writer) = ws.split();
                for who in 0..3_u8 {
                    let (writer, all) = (writer.clone(), &all);
                    scope.spawn(move || {
                        block_on(async {
                            for at in 0..100_u8 {
                                let mut message = vec![who; 40];
                                message[1] = at;
                                if at % 2 == 0 {
                                    writer.feed(message).await.unwrap();
                                } else {
                                    writer.send(message).await.unwrap();
                                }
                            }
                            writer.flush().await.unwrap();
                        });
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

/// A writer closes on one thread while the reader receives on another.
///
/// Proves: R6455-7.1.2-a
#[test]
fn closing_works_across_threads() {
    for round in 0..200 {
        let (near, far) = pipe(20 + round);
        let clock = Clock::new();
        let config = || Config::new().keepalive(None);
        let io = |end| SimulatedIo::new(end, clock.clone());
        let client = WebSocket::from_parts(io(near), Role::Client, Bytes::new(), config());
        let mut server = WebSocket::from_parts(io(far), Role::Server, Bytes::new(), config());
        let (mut reader, writer) = client.split();
        thread::scope(|scope| {
            scope.spawn(move || {
                let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
                assert!(outcome.is_clean(), "{outcome:?}");
            });
            scope.spawn(move || {
                if round % 3 == 0 {
                    drop(reader);
                } else {
                    assert!(block_on(reader.recv()).unwrap().is_none());
                }
            });
            scope.spawn(move || {
                assert!(block_on(server.recv()).unwrap().is_none());
            });
        });
    }
}
