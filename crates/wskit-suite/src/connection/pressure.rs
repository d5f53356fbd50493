//! A peer that does not read, or reads slowly: senders wait, and no queue grows.

use wskit_driver::{ConnectionError, LaneConfig};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Message, Role, SendError};
use wskit_test::{Boxed, Faults, Frame, Harness, join, join_all, once, pause, run};

use crate::scene::{ROLES, config, echo, facing_through, pair, pattern};

/// Queued bytes above which sending waits in these tests.
const MARK: usize = 8 << 10;

/// Proves: X-io-3
pub fn send_waits_while_the_peer_does_not_read<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(MARK), 1024);
            let data = pattern(1000);
            let mut queued = 0;
            while once(ws.feed(&data)).await.is_some() {
                queued += 1;
                assert!(queued < 20, "{queued} messages and no end");
            }
            let held = ws.buffer_bytes();
            for _ in 0..100 {
                assert!(once(ws.feed(&data)).await.is_none());
                assert!(once(ws.send(&data)).await.is_none());
                assert!(once(ws.reserve()).await.is_none());
                assert!(once(ws.recv()).await.is_none());
            }
            assert_eq!(
                ws.buffer_bytes(),
                held,
                "memory grew while both ends waited"
            );
            let script = async {
                for at in 0..queued {
                    assert_eq!(
                        peer.frame().await,
                        Frame::new(OpCode::Binary, &data),
                        "message {at}"
                    );
                }
            };
            let (flushed, ()) = join(ws.flush(), script).await;
            flushed.unwrap();
            assert!(
                once(peer.frame()).await.is_none(),
                "a dropped future has sent its message"
            );
        });
    }
}

/// A waiting sender goes on by itself once the peer reads.
///
/// Proves: X-io-3
pub fn waiting_send_goes_on_when_the_peer_reads<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(MARK), 64);
            let data = pattern(3000);
            let send = async {
                for _ in 0..20 {
                    ws.send(&data).await.unwrap();
                }
            };
            let script = async {
                for _ in 0..20 {
                    peer.expect(OpCode::Binary, &data).await;
                }
            };
            join(send, script).await;
        });
    }
}

/// An echo loop against a peer that only writes stops reading instead of queueing answers.
///
/// Proves: X-io-3
pub fn echo_stops_reading_when_its_answers_are_not_read<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(MARK), 4096);
            let message = peer.frames().binary(&pattern(500));
            let flood = async {
                for _ in 0..10_000 {
                    peer.send(&message).await;
                }
            };
            let both = join(flood, async {
                let _ = echo::<H>(&mut ws).await;
            });
            // Both ends wait now.
            let settled = async {
                let mut both = Box::pin(both);
                for _ in 0..2000 {
                    assert!(once(both.as_mut()).await.is_none());
                }
            };
            settled.await;
            assert!(
                ws.buffer_bytes() < 4 * MARK + (64 << 10) + (32 << 10),
                "{} bytes held",
                ws.buffer_bytes()
            );
        });
    }
}

/// A receive that lends no outbox reads although much is queued: a peer that echoes waits for it.
///
/// Proves: X-io-3
pub fn receive_and_close_read_while_much_is_queued<H: Harness>() {
    for close in [false, true] {
        run::<H>(async {
            let mut pair = pair::<H>(config().write_high_water(1000), 100);
            let data = pattern(3000);
            let talk = async {
                let client = &mut pair.client;
                for _ in 0..3 {
                    client.feed(&data).await.unwrap();
                }
                if !close {
                    for _ in 0..3 {
                        assert!(client.recv().await.unwrap().unwrap().as_bytes() == data);
                    }
                }
                assert!(
                    client
                        .close(CloseCode::NORMAL, "")
                        .await
                        .unwrap()
                        .is_clean()
                );
            };
            let (echoed, ()) = join(echo::<H>(&mut pair.server), talk).await;
            echoed.unwrap();
        });
    }
}

/// Messages queued before lending do not count as answers: the peer's echo of them is read.
pub fn lending_receive_reads_although_much_was_queued_before<H: Harness>() {
    run::<H>(async {
        let mut pair = pair::<H>(config().write_high_water(1000), 100);
        let (data, large) = (pattern(900), pattern(5000));
        let talk = async {
            let client = &mut pair.client;
            for _ in 0..6 {
                client.outbox().feed(&data).unwrap();
            }
            for _ in 0..6 {
                let (message, _) = client.recv_ref().await.unwrap().unwrap();
                assert!(message.as_bytes() == data);
            }
            // Messages with reserved room, after lent ones, do not count either.
            for _ in 0..2 {
                client.reserve().await.unwrap().send(&large);
            }
            for _ in 0..2 {
                let (message, _) = client.recv_ref().await.unwrap().unwrap();
                assert!(message.as_bytes() == large);
            }
            let end = client.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(end.is_clean());
        };
        let (echoed, ()) = join(echo::<H>(&mut pair.server), talk).await;
        echoed.unwrap();
    });
}

/// Pings while the write side is stuck are answered by a bounded number of pongs.
///
/// Proves: R6455-5.5.3-b
pub fn ping_flood_behind_a_stuck_write_is_bounded<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(1 << 20), 4096);
            let data = pattern(10_000);
            assert!(once(ws.send(&data)).await.is_none());
            let waiting = ws.outbox().queued();
            let ping = peer.frames().ping(&[b'p'; 125]);
            let mut most = 0;
            for _ in 0..2000 {
                peer.send(&ping).await;
                assert!(once(ws.recv()).await.is_none());
                most = most.max(ws.outbox().queued());
            }
            // One pong that is partly written, and the latest.
            assert!(
                most <= waiting + 2 * 131,
                "{most} bytes queued, {waiting} before"
            );
            let (flushed, ()) = join(ws.flush(), peer.expect(OpCode::Binary, &data)).await;
            flushed.unwrap();
        });
    }
}

/// A Close of the peer's behind a full queue is answered once the queue has left.
///
/// Proves: R6455-5.5.1-h
pub fn close_behind_a_full_queue_is_answered_after_it<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing_through::<H>(role, config(), 1024);
            let data = pattern(5000);
            assert!(once(ws.send(&data)).await.is_none());
            peer.send(peer.frames().close(1000, "")).await;
            assert!(once(ws.recv()).await.is_none());
            let script = async {
                peer.expect(OpCode::Binary, &data).await;
                peer.expect_close(1000).await;
                peer.finish().await;
            };
            let (received, ()) = join(ws.recv(), script).await;
            assert_eq!(received.unwrap(), None);
            assert!(ws.outcome().unwrap().is_clean());
        });
    }
}

/// Proves: X-io-3
pub fn split_writers_wait_while_the_peer_does_not_read<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(MARK), 1024);
            let (_reader, writer) = ws.split();
            let data = pattern(1000);
            let mut queued = 0;
            while writer.try_feed(&data).is_ok() {
                queued += 1;
            }
            assert_eq!(writer.try_feed(&data), Err(SendError::QueueFull));
            while once(writer.feed(&data)).await.is_some() {
                queued += 1;
                assert!(queued < 20);
            }
            let before = writer.queued();
            assert!(once(writer.send(&data)).await.is_none());
            assert!(once(writer.reserve()).await.is_none());
            assert_eq!(writer.queued(), before);
            let script = async {
                for at in 0..queued {
                    assert_eq!(
                        peer.frame().await,
                        Frame::new(OpCode::Binary, &data),
                        "message {at}"
                    );
                }
            };
            let (flushed, ()) = join(writer.flush(), script).await;
            flushed.unwrap();
            assert_eq!(writer.queued(), 0);
        });
    }
}

/// An empty queue has room, however low the mark is.
///
/// Proves: X-io-3
pub fn writers_and_lanes_send_with_a_mark_of_0<H: Harness>() {
    for role in ROLES {
        for config in [config().write_high_water(0), config().write_queue_limit(0)] {
            run::<H>(async {
                let (ws, mut peer, _) = facing_through::<H>(role, config, 64);
                let (_reader, writer) = ws.split();
                let mut lane = writer.lane(LaneConfig::new());
                let data = pattern(100);
                let send = async {
                    for _ in 0..3 {
                        writer.send(&data).await.unwrap();
                        lane.send(&data).await.unwrap();
                        writer.reserve().await.unwrap().send(&data);
                        writer.flush().await.unwrap();
                    }
                };
                let script = async {
                    for _ in 0..9 {
                        peer.expect(OpCode::Binary, &data).await;
                    }
                };
                join(send, script).await;
            });
        }
    }
}

/// Writers that wait for room get it in the order in which they came.
///
/// Proves: X-io-3
pub fn split_writers_are_let_in_in_order<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) =
            facing_through::<H>(Role::Server, config().write_high_water(1000), 100);
        let (_reader, writer) = ws.split();
        let data = pattern(2000);
        let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
        for at in 0..20_u8 {
            let (writer, data) = (writer.clone(), &data);
            tasks.push(Box::pin(async move {
                let mut message = data.clone();
                message[0] = at;
                writer.send(message).await.unwrap();
            }));
        }
        let script: Boxed<'_, ()> = Box::pin(async {
            for at in 0..20_u8 {
                let frame = peer.frame().await;
                assert_eq!((frame.payload[0], frame.payload.len()), (at, 2000));
            }
        });
        tasks.push(script);
        join_all(tasks).await;
    });
}

/// A waiting writer that is dropped does not block those behind it.
pub fn split_writer_that_gives_up_lets_the_next_in<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) =
            facing_through::<H>(Role::Server, config().write_high_water(1000), 100);
        let (_reader, writer) = ws.split();
        let data = pattern(2000);
        writer.feed(&data).await.unwrap();
        let second = async {
            let mut first = Box::pin(writer.feed("gives up"));
            assert!(once(first.as_mut()).await.is_none());
            let wait = writer.send("behind him");
            let (sent, ()) = join(wait, async {
                pause().await;
                drop(first);
            })
            .await;
            sent.unwrap();
        };
        let script = async {
            peer.expect(OpCode::Binary, &data).await;
            peer.expect(OpCode::Text, "behind him").await;
        };
        join(second, script).await;
    });
}

/// The next writer in line is woken when the one before it proceeds or is dropped.
pub fn split_line_moves_on_by_itself<H: Harness>() {
    for goes_in in [true, false] {
        run::<H>(async {
            let config = config().write_high_water(6 << 10);
            let (ws, _peer, _) = facing_through::<H>(Role::Client, config, 100);
            let (_reader, writer) = ws.split();
            let (one, two) = (
                writer.reserve().await.unwrap(),
                writer.reserve().await.unwrap(),
            );
            let other = writer.clone();
            let mut first = Box::pin(other.reserve());
            assert!(once(first.as_mut()).await.is_none());
            let move_on = async {
                pause().await;
                drop((one, two));
                // The second was polled, and it was not its turn.
                pause().await;
                pause().await;
                if goes_in {
                    Some(first.await.unwrap())
                } else {
                    drop(first);
                    None
                }
            };
            let (second, permit) = join(writer.reserve(), move_on).await;
            drop(second.unwrap());
            drop(permit);
        });
    }
}

/// An unused permit holds back others and gives its room back when it is dropped.
pub fn split_permit_is_room_for_certain<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) =
            facing_through::<H>(Role::Client, config().write_high_water(6 << 10), 1 << 20);
        let (_reader, writer) = ws.split();
        let one = writer.reserve().await.unwrap();
        let two = writer.reserve().await.unwrap();
        assert!(
            once(writer.reserve()).await.is_none(),
            "8 KiB are promised, 6 are there"
        );
        assert_eq!(writer.try_feed("no room"), Err(SendError::QueueFull));
        let other = writer.clone();
        let (permit, ()) = join(other.reserve(), async {
            pause().await;
            drop(two);
        })
        .await;
        permit.unwrap().send("second");
        one.send("first");
        writer.flush().await.unwrap();
        peer.expect(OpCode::Text, "second").await;
        peer.expect(OpCode::Text, "first").await;
    });
}

/// The end of the connection wakes all waiting senders.
///
/// Proves: R6455-6.1-a
pub fn split_writers_that_wait_learn_of_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing_through::<H>(role, config().write_high_water(1000), 100);
            let (mut reader, writer) = ws.split();
            let data = pattern(2000);
            writer.feed(&data).await.unwrap();
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for _ in 0..3 {
                let (writer, data) = (writer.clone(), &data);
                tasks.push(Box::pin(async move {
                    writer.send(data).await.unwrap_err();
                    assert!(matches!(
                        writer.feed("x").await,
                        Err(ConnectionError::Send(SendError::Closed))
                    ));
                }));
            }
            tasks.push(Box::pin(async {
                assert!(reader.recv().await.unwrap_err().is_disconnect());
                assert_eq!(reader.recv().await.unwrap(), None);
            }));
            tasks.push(Box::pin(async { peer.hang_up() }));
            join_all(tasks).await;
        });
    }
}

/// A peer that writes without end does not keep other tasks from running, nor its pongs from leaving.
pub fn flood_lets_other_tasks_run<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config(), 16 << 20);
        let mut flood = Vec::new();
        for _ in 0..100_000 {
            flood.extend(peer.frames().pong(&[0; 100]));
        }
        flood.extend(peer.frames().text("end"));
        peer.send(flood).await;
        assert!(
            once(ws.recv()).await.is_none(),
            "10 MB were read without a pause"
        );
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("end")));
    });
}

/// Large messages are read on for longer, but not without end either.
pub fn large_message_lets_other_tasks_run<H: Harness>() {
    run::<H>(async {
        let config = config().max_message_size(16 << 20);
        let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config, 16 << 20);
        let large = vec![7; 12 << 20];
        let frame = peer.frames().binary(&large);
        peer.send(frame).await;
        assert!(
            once(ws.recv()).await.is_none(),
            "12 MB were read without a pause"
        );
        let message = ws.recv().await.unwrap().unwrap();
        assert!(*message.as_bytes() == *large);
    });
}

/// Other tasks run although each read brings only a byte.
pub fn large_message_in_single_bytes_lets_other_tasks_run<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, probe) = facing_through::<H>(Role::Server, config(), 1 << 20);
        let large = pattern(200_000);
        let frame = peer.frames().binary(&large);
        peer.send(frame).await;
        probe.set_faults(Faults {
            one_byte_reads: true,
            ..Faults::none()
        });
        assert!(
            once(ws.recv()).await.is_none(),
            "200,000 reads without a pause"
        );
        let message = ws.recv().await.unwrap().unwrap();
        assert!(*message.as_bytes() == *large);
    });
}
