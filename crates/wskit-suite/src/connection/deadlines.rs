//! Every deadline, in virtual time.

use std::time::Duration;

use wskit_driver::{Client, ConnectionError, OpenError, Server};
use wskit_frame::{CloseCode, OpCode};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Cause, Config, Keepalive, Message, TimeoutKind};
use wskit_test::{Harness, Script, cut, join, now, once, pause, pipe, run_timed, sleep};

use crate::scene::{ROLES, config, echo, facing, facing_through, pattern};

const SECOND: Duration = Duration::from_secs(1);

/// Asserts that `time` has passed since `start`; runtimes round up to their tick.
fn passed<H: Harness>(start: std::time::Instant, time: Duration) {
    let passed = now::<H>() - start;
    assert!(
        passed >= time && passed < time + SECOND / 10,
        "{passed:?} instead of {time:?}"
    );
}

fn keepalive() -> Config {
    let keepalive = Keepalive {
        every: SECOND * 20,
        answer_within: SECOND * 20,
    };
    Config::new().keepalive(Some(keepalive))
}

/// A client that sends its request at a byte a second is cut off.
///
/// Proves: X-io-1
pub fn slow_loris_is_cut_off<H: Harness>() {
    run_timed::<H>(async {
        let (near, far) = pipe(1000);
        let probe = near.probe();
        let mut peer = Script::new(far, wskit_proto::Role::Client);
        let server = Server::<H::Runtime>::new(OriginPolicy::Any);
        let start = now::<H>();
        let slow = async {
            for byte in b"GET / HTTP/1.1\r\nHost: example.com\r\n" {
                if peer.try_send([*byte]).await.is_err() {
                    return;
                }
                sleep::<H>(SECOND).await;
            }
        };
        let accept = async {
            let refused = server.accept(H::stream(near)).await;
            passed::<H>(start, SECOND * 10);
            refused
        };
        let (refused, ()) = join(accept, slow).await;
        assert!(matches!(refused, Err(OpenError::Timeout)));
        assert!(probe.is_dropped());
    });
}

/// Proves: X-io-1
pub fn client_gives_up_on_a_server_that_does_not_answer<H: Harness>() {
    run_timed::<H>(async {
        let (near, _far) = pipe(1000);
        let start = now::<H>();
        let client =
            Client::<H::Runtime>::new().config(Config::new().handshake_timeout(SECOND * 3));
        let refused = client.handshake(H::stream(near), "ws://example.com/").await;
        assert!(matches!(refused, Err(OpenError::Timeout)));
        passed::<H>(start, SECOND * 3);
    });
}

/// A refused client that neither reads nor hangs up does not keep the server.
///
/// Proves: X-io-1
pub fn refusal_does_not_wait_for_ever<H: Harness>() {
    run_timed::<H>(async {
        let (near, far) = pipe(1000);
        let mut peer = Script::new(far, wskit_proto::Role::Client);
        peer.send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
            .await;
        let start = now::<H>();
        let refused = Server::<H::Runtime>::new(OriginPolicy::Any)
            .accept(H::stream(near))
            .await;
        assert!(matches!(refused, Err(OpenError::Handshake(_))));
        passed::<H>(start, SECOND * 5);
    });
}

/// Proves: R6455-5.5.1-k, X-io-2
pub fn close_that_is_not_answered_ends_by_its_deadline<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, peer, _) = facing::<H>(role, config());
            let start = now::<H>();
            let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
            passed::<H>(start, SECOND * 5);
            drop(peer);
        });
    }
}

/// The peer reads neither the Close nor the queue before it.
///
/// Proves: X-io-2
pub fn close_behind_a_stuck_queue_ends_by_its_deadline<H: Harness>() {
    for role in ROLES {
        for split in [false, true] {
            run_timed::<H>(async {
                let (mut ws, _peer, _) = facing_through::<H>(role, config(), 100);
                assert!(once(ws.send(&pattern(10_000))).await.is_none());
                let start = now::<H>();
                let outcome = if split {
                    let (_reader, writer) = ws.split();
                    writer.close(CloseCode::NORMAL, "").await
                } else {
                    ws.close(CloseCode::NORMAL, "").await
                };
                let cause = outcome.unwrap().cause;
                assert_eq!(cause, Cause::Timeout(TimeoutKind::Close));
                passed::<H>(start, SECOND * 5);
            });
        }
    }
}

/// A deadline beyond the range of the clock is no deadline, and no panic.
///
/// Proves: X-api-1
pub fn endless_deadlines_are_none<H: Harness>() {
    run_timed::<H>(async {
        let endless = Keepalive {
            every: Duration::MAX,
            answer_within: Duration::MAX,
        };
        let config = Config::new()
            .keepalive(Some(endless))
            .close_timeout(Duration::MAX)
            .handshake_timeout(Duration::MAX)
            .idle_timeout(Some(Duration::MAX));
        let (near, far) = pipe(1000);
        let server = Server::<H::Runtime>::new(OriginPolicy::Any).config(config.clone());
        let client = Client::<H::Runtime>::new().config(config);
        let (accepted, connected) = join(
            server.accept(H::stream(far)),
            client.handshake(H::stream(near), "ws://example.com/"),
        )
        .await;
        let (mut server, (client, _)) = (accepted.unwrap(), connected.unwrap());
        let (reader, writer) = client.split();
        drop(reader);
        let (outcome, end) = join(writer.close(CloseCode::NORMAL, ""), server.recv()).await;
        assert!(outcome.unwrap().is_clean());
        assert_eq!(end.unwrap(), None);
    });
}

/// A timer that is due at once fires, and the connection waits or ends.
///
/// Proves: X-io-1, X-io-2
pub fn deadlines_of_zero_end<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let zero = Keepalive {
                every: Duration::ZERO,
                answer_within: Duration::ZERO,
            };
            let (mut ws, _peer, _) = facing::<H>(role, Config::new().keepalive(Some(zero)));
            assert!(matches!(
                ws.recv().await,
                Err(ConnectionError::Timeout(TimeoutKind::Keepalive))
            ));

            let idle = config()
                .idle_timeout(Some(Duration::ZERO))
                .close_timeout(Duration::ZERO);
            let (mut ws, mut peer, _) = facing::<H>(role, idle);
            assert!(matches!(
                ws.recv().await,
                Err(ConnectionError::Timeout(TimeoutKind::Close))
            ));
            peer.expect_close(1001).await;

            let (mut ws, mut peer, _) = facing::<H>(role, config().close_timeout(Duration::ZERO));
            let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
            peer.expect_close(1000).await;
        });
    }
}

/// The client got its Close, but the server does not end TCP.
///
/// Proves: R6455-5.5.1-k, X-io-2
pub fn client_ends_the_transport_by_the_deadline<H: Harness>() {
    run_timed::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(wskit_proto::Role::Client, config());
        let start = now::<H>();
        let script = async {
            peer.expect_close(1000).await;
            peer.send(peer.frames().close(1000, "")).await;
        };
        let (outcome, ()) = join(ws.close(CloseCode::NORMAL, ""), script).await;
        assert!(
            outcome.unwrap().is_clean(),
            "both Closes are through: only TCP was slow to end"
        );
        passed::<H>(start, SECOND * 5);
    });
}

/// A peer that keeps sending data instead of its Close does not postpone the deadline.
///
/// Proves: X-io-2
pub fn chatter_does_not_put_off_the_close_deadline<H: Harness>() {
    run_timed::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(wskit_proto::Role::Server, config());
        let start = now::<H>();
        let script = async {
            loop {
                if peer.try_send(peer.frames().text("more")).await.is_err() {
                    return;
                }
                sleep::<H>(SECOND).await;
            }
        };
        let close = async {
            let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(!outcome.is_clean());
            passed::<H>(start, SECOND * 5);
            drop(ws);
        };
        join(close, script).await;
    });
}

/// Proves: X-io-2
pub fn split_close_ends_by_its_deadline<H: Harness>() {
    for role in ROLES {
        for with_reader in [true, false] {
            run_timed::<H>(async {
                let (ws, _peer, _) = facing::<H>(role, config());
                let (reader, writer) = ws.split();
                let start = now::<H>();
                let close = async {
                    let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
                    assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
                    passed::<H>(start, SECOND * 5);
                };
                let read = async {
                    let mut reader = reader;
                    if with_reader {
                        assert!(matches!(
                            reader.recv().await,
                            Err(ConnectionError::Timeout(TimeoutKind::Close))
                        ));
                        passed::<H>(start, SECOND * 5);
                    }
                };
                join(close, read).await;
            });
        }
    }
}

/// `start_close` by a writer arms the reader's deadline although the reader was waiting already.
///
/// Proves: X-io-2
pub fn reader_keeps_the_close_deadline_of_a_writer<H: Harness>() {
    run_timed::<H>(async {
        let (ws, _peer, _) = facing::<H>(wskit_proto::Role::Client, config());
        let (mut reader, writer) = ws.split();
        let start = now::<H>();
        let close = async {
            sleep::<H>(SECOND * 7).await;
            writer.start_close(CloseCode::NORMAL, "").unwrap();
        };
        let (received, ()) = join(reader.recv(), close).await;
        assert!(matches!(
            received,
            Err(ConnectionError::Timeout(TimeoutKind::Close))
        ));
        passed::<H>(start, SECOND * 12);
    });
}

/// Proves: X-io-2
pub fn keepalive_gives_up_a_silent_peer<H: Harness>() {
    for role in ROLES {
        for split in [false, true] {
            run_timed::<H>(async {
                let (mut ws, mut peer, _) = facing::<H>(role, keepalive());
                let start = now::<H>();
                let received = if split {
                    let (mut reader, _writer) = ws.split();
                    reader.recv().await
                } else {
                    ws.recv().await
                };
                assert!(
                    matches!(
                        received,
                        Err(ConnectionError::Timeout(TimeoutKind::Keepalive))
                    ),
                    "{received:?}"
                );
                passed::<H>(start, SECOND * 40);
                assert_eq!(peer.frame().await.opcode, OpCode::Ping);
            });
        }
    }
}

/// An hour in which the peer only answers pings; the round trip is measured.
///
/// Proves: X-io-2
pub fn keepalive_spares_a_quiet_peer<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, keepalive());
            let script = async {
                for _ in 0..180 {
                    let ping = peer.frame().await;
                    assert_eq!(ping.opcode, OpCode::Ping);
                    sleep::<H>(SECOND * 2).await;
                    peer.send(peer.frames().pong(&ping.payload)).await;
                }
                peer.send(peer.frames().text("still here")).await;
            };
            let (received, ()) = join(ws.recv(), script).await;
            assert_eq!(received.unwrap(), Some(Message::text("still here")));
            let trip = ws.round_trip().expect("a round trip");
            assert!(
                trip >= SECOND * 2 && trip < SECOND * 2 + SECOND / 10,
                "{trip:?}"
            );
        });
    }
}

/// An owner that was busy for five minutes does not give up a peer that has answered.
///
/// Proves: X-io-2
pub fn keepalive_spares_a_peer_of_a_busy_owner<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, keepalive());
            let script = async {
                // Its pong comes while the owner is busy.
                let ping = peer.frame().await;
                peer.send(peer.frames().pong(&ping.payload)).await;
                peer.send(peer.frames().text("one")).await;
                sleep::<H>(SECOND * 400).await;
                peer.send(peer.frames().text("two")).await;
            };
            let busy = async {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
                sleep::<H>(SECOND * 399).await;
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("two")));
            };
            join(busy, script).await;
        });
    }
}

/// The owner is busy past the deadline of a ping whose pong has come: it is read before the deadline
/// counts.
///
/// Proves: X-io-2
pub fn deadline_is_judged_only_after_a_read<H: Harness>() {
    run_timed::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(wskit_proto::Role::Server, keepalive());
        let mut peer_task = Box::pin(async {
            let ping = peer.frame().await;
            peer.send(peer.frames().pong(&ping.payload)).await;
            peer
        });
        // The ping leaves at 20 s; then the connection is not polled for a minute.
        let received = cut(ws.recv(), 2).await;
        assert!(received.is_none());
        let mut peer = peer_task.as_mut().await;
        sleep::<H>(SECOND * 60).await;
        peer.send(peer.frames().text("alive")).await;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("alive")));
    });
}

/// An owner that only sends notices a peer that no longer reads.
///
/// Proves: X-io-2
pub fn keepalive_ends_a_send_that_is_not_read<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, _peer, _) = facing_through::<H>(role, keepalive(), 100);
            let start = now::<H>();
            let sent = ws.send(&pattern(10_000)).await;
            assert!(
                matches!(sent, Err(ConnectionError::Timeout(TimeoutKind::Keepalive))),
                "{sent:?}"
            );
            passed::<H>(start, SECOND * 40);
            assert!(ws.send("x").await.unwrap_err().is_closed());
        });
    }
}

/// A peer that sends nothing but goes on reading is alive.
///
/// Proves: X-io-2
pub fn keepalive_spares_a_peer_that_still_takes_bytes<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, probe) = facing_through::<H>(role, keepalive(), 100);
            let data = pattern(10_000);
            let script = async {
                while probe.written().len() < 10_000 {
                    sleep::<H>(SECOND * 10).await;
                    peer.read().await.unwrap();
                }
                // The rest are pings of the keepalive.
                for _ in 0..100 {
                    once(peer.read()).await;
                    pause().await;
                }
            };
            let (sent, ()) = join(ws.send(&data), script).await;
            sent.unwrap();
        });
    }
}

/// Of halves with a receiving reader, keepalive ends a send that the peer does not read.
///
/// Proves: X-io-2
pub fn split_keepalive_ends_a_send_that_is_not_read<H: Harness>() {
    run_timed::<H>(async {
        let (ws, _peer, _) = facing_through::<H>(wskit_proto::Role::Client, keepalive(), 100);
        let (mut reader, writer) = ws.split();
        let start = now::<H>();
        let data = pattern(10_000);
        let send = async {
            writer.send(&data).await.unwrap_err();
            passed::<H>(start, SECOND * 40);
        };
        let (received, ()) = join(reader.recv(), send).await;
        assert!(matches!(
            received,
            Err(ConnectionError::Timeout(TimeoutKind::Keepalive))
        ));
    });
}

/// After the reader was dropped, the waiting writer keeps the deadline.
///
/// Proves: X-io-2
pub fn split_keepalive_works_without_the_reader<H: Harness>() {
    run_timed::<H>(async {
        let (ws, _peer, _) = facing_through::<H>(wskit_proto::Role::Client, keepalive(), 100);
        let (reader, writer) = ws.split();
        drop(reader);
        let start = now::<H>();
        writer.send(&pattern(10_000)).await.unwrap_err();
        passed::<H>(start, SECOND * 40);
    });
}

/// Proves: X-io-2
pub fn idle_connection_is_closed_with_1001<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config().idle_timeout(Some(SECOND * 60)));
            let start = now::<H>();
            let script = async {
                // Messages keep it open.
                for _ in 0..10 {
                    sleep::<H>(SECOND * 50).await;
                    peer.send(peer.frames().text("busy")).await;
                    peer.expect(OpCode::Text, "busy").await;
                }
                peer.expect_close(1001).await;
                let passed = now::<H>() - start;
                assert!(
                    passed >= SECOND * 560 && passed <= SECOND * 576,
                    "{passed:?}"
                );
                peer.send(peer.frames().close(1001, "")).await;
                peer.finish().await;
            };
            let (echoed, ()) = join(echo::<H>(&mut ws), script).await;
            echoed.unwrap();
            assert!(ws.outcome().unwrap().is_clean());
        });
    }
}
