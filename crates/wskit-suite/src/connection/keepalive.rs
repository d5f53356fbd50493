//! Signs of life for owners that send and never receive.

use std::time::Duration;

use wskit_driver::{ByteStream, ConnectionError, LaneConfig};
use wskit_frame::OpCode;
use wskit_proto::{Config, Keepalive, Message, Role, TimeoutKind};
use wskit_test::{Harness, Script, join, now, once, run_timed, sleep};

use crate::scene::{ROLES, config, facing, facing_through, pattern};
use crate::streams::byte_stream::{flush, read, write_all};

const SECOND: Duration = Duration::from_secs(1);

fn keepalive() -> Config {
    Config::new().keepalive(Some(Keepalive {
        every: SECOND * 20,
        answer_within: SECOND * 20,
    }))
}

/// Answers each ping after two seconds, until this number of messages has come.
async fn pongs<H: Harness>(peer: &mut Script, messages: usize) -> usize {
    let (mut seen, mut pings) = (0, 0);
    while seen < messages {
        let frame = peer.frame().await;
        match frame.opcode {
            OpCode::Ping => {
                pings += 1;
                sleep::<H>(SECOND * 2).await;
                peer.send(peer.frames().pong(&frame.payload)).await;
            }
            OpCode::Text => seen += 1,
            other => panic!("{other:?}"),
        }
    }
    pings
}

/// The pings of an owner that sends every three seconds leave when they are due, and the pong is found
/// by the next send.
///
/// Proves: X-io-2
pub fn owner_that_only_sends_measures_the_round_trip<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, keepalive());
            let send = async {
                for _ in 0..40 {
                    ws.send("tick").await.unwrap();
                    sleep::<H>(SECOND * 3).await;
                }
            };
            let ((), pings) = join(send, pongs::<H>(&mut peer, 40)).await;
            assert!((4..=6).contains(&pings), "{pings} pings in 120 s");
            let trip = ws.round_trip().expect("a round trip");
            // Two seconds on the way, and at most three until the next send.
            assert!(trip >= SECOND * 2 && trip <= SECOND * 5, "{trip:?}");
        });
    }
}

/// Writers know the round trip, whether the reader waits or was dropped.
///
/// Proves: X-io-2
pub fn writers_know_the_round_trip<H: Harness>() {
    for role in ROLES {
        for (with_reader, with_lane) in [(true, false), (false, false), (false, true)] {
            run_timed::<H>(async {
                let (ws, mut peer, _) = facing::<H>(role, keepalive());
                let (mut reader, writer) = ws.split();
                assert_eq!(writer.round_trip(), None);
                let send = async {
                    let mut lane = writer.lane(LaneConfig::new());
                    for _ in 0..40 {
                        if with_lane {
                            lane.push("tick").unwrap();
                        } else {
                            writer.send("tick").await.unwrap();
                        }
                        sleep::<H>(SECOND * 3).await;
                    }
                };
                let read = async {
                    if with_reader {
                        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("end")));
                    } else {
                        drop(reader);
                    }
                };
                let script = async {
                    let pings = pongs::<H>(&mut peer, 40).await;
                    peer.send(peer.frames().text("end")).await;
                    pings
                };
                let (((), ()), pings) = join(join(send, read), script).await;
                assert!((4..=6).contains(&pings), "{pings} pings in 120 s");
                let trip = writer.round_trip().expect("a round trip");
                let most = if with_reader { 2 } else { 5 };
                assert!(
                    trip >= SECOND * 2 && trip <= SECOND * most + SECOND / 10,
                    "{trip:?}"
                );
            });
        }
    }
}

/// The socket takes everything, but the peer says nothing more.
///
/// Proves: X-io-2
pub fn writer_without_a_reader_gives_up_a_silent_peer<H: Harness>() {
    for role in ROLES {
        for with_lane in [false, true] {
            run_timed::<H>(async {
                let (ws, _peer, _) = facing_through::<H>(role, keepalive(), 1 << 20);
                let (reader, writer) = ws.split();
                drop(reader);
                let mut lane = writer.lane(LaneConfig::new());
                let start = now::<H>();
                loop {
                    let sent = if with_lane {
                        lane.push("tick").map(drop).map_err(ConnectionError::from)
                    } else {
                        writer.send("tick").await
                    };
                    if let Err(error) = sent {
                        assert!(error.is_closed(), "{error:?}");
                        break;
                    }
                    sleep::<H>(SECOND * 3).await;
                    assert!(now::<H>() - start < SECOND * 50, "not given up");
                }
                let outcome = writer.outcome().unwrap();
                assert_eq!(
                    outcome.cause,
                    wskit_proto::Cause::Timeout(TimeoutKind::Keepalive)
                );
            });
        }
    }
}

/// Proves: X-io-2
pub fn owner_that_only_sends_gives_up_a_silent_peer<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, _peer, _) = facing_through::<H>(role, keepalive(), 1 << 20);
            let start = now::<H>();
            let error = loop {
                if let Err(error) = ws.send("tick").await {
                    break error;
                }
                sleep::<H>(SECOND * 3).await;
                assert!(now::<H>() - start < SECOND * 50, "not given up");
            };
            assert!(
                matches!(error, ConnectionError::Timeout(TimeoutKind::Keepalive)),
                "{error:?}"
            );
        });
    }
}

/// Proves: X-io-2
pub fn idle_halves_are_closed_with_1001<H: Harness>() {
    for role in ROLES {
        for with_reader in [true, false] {
            run_timed::<H>(async {
                let config = config().idle_timeout(Some(SECOND * 60));
                let (ws, mut peer, _) = facing::<H>(role, config);
                let (mut reader, writer) = ws.split();
                let start = now::<H>();
                let own = async {
                    if with_reader {
                        assert_eq!(reader.recv().await.unwrap(), None);
                    } else {
                        drop(reader);
                        // Found by the next call.
                        sleep::<H>(SECOND * 80).await;
                        writer.flush().await.unwrap();
                    }
                };
                let script = async {
                    peer.expect_close(1001).await;
                    let passed = now::<H>() - start;
                    assert!(passed >= SECOND * 60, "{passed:?}");
                    peer.send(peer.frames().close(1001, "")).await;
                    peer.finish().await;
                };
                join(own, script).await;
            });
        }
    }
}

/// Messages that only go one way keep a connection from being idle.
///
/// Proves: X-io-2
pub fn sending_alone_is_not_idle<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let config = config().idle_timeout(Some(SECOND * 60));
            let (mut ws, mut peer, _) = facing::<H>(role, config);
            for _ in 0..10 {
                ws.send("tick").await.unwrap();
                peer.expect(OpCode::Text, "tick").await;
                sleep::<H>(SECOND * 50).await;
            }
            // Without messages the next call closes it.
            sleep::<H>(SECOND * 80).await;
            assert!(once(ws.recv()).await.is_none());
            peer.expect_close(1001).await;
        });
    }
}

/// A message that waits for a receive stops the reading, so the peer's answers lie unread: it is not
/// judged by them.
///
/// Proves: X-io-2
pub fn owner_that_only_sends_spares_a_peer_that_said_something<H: Harness>() {
    for role in ROLES {
        for feed in [false, true] {
            run_timed::<H>(async {
                let (mut ws, mut peer, _) = facing::<H>(role, keepalive());
                peer.send(peer.frames().text("subscribe")).await;
                let send = async {
                    for tick in 0..200 {
                        let sent = if feed {
                            ws.feed("tick").await.unwrap();
                            ws.flush().await
                        } else {
                            ws.send("tick").await
                        };
                        assert!(sent.is_ok(), "{role:?}, {} s: {sent:?}", tick * 3);
                        sleep::<H>(SECOND * 3).await;
                    }
                };
                join(send, pongs::<H>(&mut peer, 200)).await;
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("subscribe")));
            });
        }
    }
}

/// An owner that only writes to a byte stream spares a peer that has answered.
///
/// Proves: X-io-2
pub fn stream_that_only_writes_spares_a_peer_that_said_something<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, keepalive());
            let mut stream = ByteStream::new(ws);
            peer.send(peer.frames().binary(b"subscribe")).await;
            let send = async {
                for tick in 0..200 {
                    let sent = match write_all(&mut stream, b"tick").await {
                        Ok(()) => flush(&mut stream).await,
                        failed => failed,
                    };
                    assert!(sent.is_ok(), "{role:?}, {} s: {sent:?}", tick * 3);
                    sleep::<H>(SECOND * 3).await;
                }
            };
            let script = async {
                let mut ticks = 0;
                while ticks < 200 {
                    let frame = peer.frame().await;
                    if frame.opcode == OpCode::Ping {
                        peer.send(peer.frames().pong(&frame.payload)).await;
                    } else {
                        ticks += 1;
                    }
                }
            };
            join(send, script).await;
            assert_eq!(read(&mut stream, 100).await.unwrap(), b"subscribe");
        });
    }
}

/// 600 KB to a peer that takes 100 KB a second and answers each ping when it comes to it.
async fn slow_download<H: Harness>(role: Role, capacity: usize, messages: usize) {
    let brisk = Config::new().keepalive(Some(Keepalive {
        every: SECOND,
        answer_within: SECOND,
    }));
    let (mut ws, mut peer, _) = facing_through::<H>(role, brisk, capacity);
    let data = pattern(600_000 / messages);
    let send = async {
        for _ in 0..messages {
            ws.send(&data).await.unwrap();
        }
        let end = ws.recv().await;
        let end = end.unwrap_or_else(|error| panic!("{role:?}, {capacity}: {error}"));
        assert_eq!(end, Some(Message::text("thank you")));
    };
    let script = async {
        let mut left = messages;
        while left > 0 {
            sleep::<H>(SECOND * 4096 / 100_000).await;
            match peer.read().await {
                Ok(n) if n > 0 => {}
                // The sender checks.
                _ => return,
            }
            while let Some(frame) = peer.frame_read() {
                if frame.opcode == OpCode::Ping {
                    let _ = peer.try_send(peer.frames().pong(&frame.payload)).await;
                } else {
                    assert!(frame.payload == data);
                    left -= 1;
                }
            }
        }
        peer.send(peer.frames().text("thank you")).await;
    };
    join(send, script).await;
}

/// What is between this end and the peer is less than a second's worth.
///
/// Proves: X-io-2
pub fn slow_download_is_a_sign_of_life<H: Harness>() {
    for role in ROLES {
        for messages in [1, 6, 60] {
            run_timed::<H>(slow_download::<H>(role, 50_000, messages));
        }
    }
}

/// The system takes in a moment what the peer takes in six seconds: the ping is behind all of it.
///
/// Proves: X-io-2
pub fn slow_download_from_a_large_buffer_is_a_sign_of_life<H: Harness>() {
    if !H::TELLS_UNACKNOWLEDGED {
        // This transport does not report unacknowledged bytes.
        return;
    }
    for role in ROLES {
        for capacity in [200_000, 1 << 20] {
            for messages in [1, 60] {
                run_timed::<H>(slow_download::<H>(role, capacity, messages));
            }
        }
    }
}
