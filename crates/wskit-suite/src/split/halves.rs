//! One reader and many writers, each dropped or closed in every order.

use wskit_driver::ConnectionError;
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Message, Role, SendError, State};
use wskit_test::{Boxed, Harness, join, join_all, once, pause, run};

use crate::scene::{CAPACITY, ROLES, config, facing, facing_through, pair, pattern};

/// Proves: R6455-5.4-g
pub fn writers_and_reader_work_at_once<H: Harness>() {
    for capacity in [13, CAPACITY] {
        run::<H>(async {
            let pair = pair::<H>(config().write_high_water(2000), capacity);
            let (mut reader, writer) = pair.client.split();
            let mut server = pair.server;
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for who in 0..5_u8 {
                let writer = writer.clone();
                tasks.push(Box::pin(async move {
                    for at in 0..20_u8 {
                        let mut message = vec![who; 300];
                        message[1] = at;
                        writer.send(message).await.unwrap();
                    }
                }));
            }
            tasks.push(Box::pin(async {
                let mut next = [0_u8; 5];
                for _ in 0..100 {
                    let message = reader.recv().await.unwrap().unwrap();
                    let who = message.as_bytes()[0];
                    assert_eq!(
                        message.as_bytes()[1],
                        next[usize::from(who)],
                        "out of order"
                    );
                    next[usize::from(who)] += 1;
                }
                let (outcome, end) = join(writer.close(CloseCode::NORMAL, ""), reader.recv()).await;
                assert!(outcome.unwrap().is_clean());
                assert_eq!(end.unwrap(), None);
            }));
            tasks.push(Box::pin(async {
                while let Some((message, out)) = server.recv_ref().await.unwrap() {
                    out.feed(message).unwrap();
                }
            }));
            join_all(tasks).await;
        });
    }
}

/// Both directions full: the reader goes on reading while the writer's queue is over its mark, or it
/// and an echoing peer would each wait for the other to read.
///
/// Proves: X-io-3
pub fn full_duplex_against_an_echo_goes_on<H: Harness>() {
    run::<H>(async {
        let pair = pair::<H>(config().write_high_water(1000), 100);
        let (mut reader, writer) = pair.client.split();
        let mut server = pair.server;
        let data = pattern(3000);
        let send = async {
            for _ in 0..20 {
                writer.feed(&data).await.unwrap();
            }
            writer.flush().await.unwrap();
        };
        let receive = async {
            for _ in 0..20 {
                assert!(reader.recv().await.unwrap().unwrap().as_bytes() == data);
            }
            drop(reader);
        };
        let serve = async {
            for _ in 0..20 {
                let (message, out) = server.recv_ref().await.unwrap().unwrap();
                out.feed(message).unwrap();
            }
            server.flush().await.unwrap();
        };
        join(join(send, receive), serve).await;
    });
}

/// A `send` ends when its message has left, although another writer keeps the queue full.
pub fn send_ends_although_others_keep_the_queue_full<H: Harness>() {
    for pings in [false, true] {
        run::<H>(async {
            let (ws, mut peer, probe) =
                facing_through::<H>(Role::Server, config().write_high_water(5000), 100);
            let (mut reader, writer) = ws.split();
            let data = pattern(400);
            let other = writer.clone();
            let flood = async {
                loop {
                    if other.feed(&data).await.is_err() {
                        break;
                    }
                }
            };
            let send = async {
                for _ in 0..20 {
                    pause().await;
                }
                for _ in 0..5 {
                    writer.send("mine").await.unwrap();
                    let sent = wskit_test::Frame::parse_all(Role::Server, &probe.written());
                    assert_eq!(
                        sent.last().map(|_| sent
                            .iter()
                            .filter(|frame| frame.opcode == OpCode::Text)
                            .count()
                            > 0),
                        Some(true)
                    );
                }
                let sent = wskit_test::Frame::parse_all(Role::Server, &probe.written());
                assert_eq!(
                    sent.iter()
                        .filter(|frame| frame.opcode == OpCode::Text)
                        .count(),
                    5,
                    "returned too early"
                );
                writer.start_close(CloseCode::NORMAL, "").unwrap();
            };
            let script = async {
                for at in 0.. {
                    if pings && at % 3 == 0 {
                        peer.send(peer.frames().ping(&[b'p'; 100])).await;
                    }
                    if peer.frame().await.opcode == OpCode::Close {
                        break;
                    }
                }
                peer.send(peer.frames().close(1000, "")).await;
                peer.hang_up();
            };
            join(
                join(flood, send),
                join(
                    async { while let Ok(Some(_)) = reader.recv().await {} },
                    script,
                ),
            )
            .await;
        });
    }
}

/// A `send` that is dropped in the middle of its message leaves the rest to the reader that waits.
///
/// Proves: X-io-4
pub fn waiting_reader_finishes_a_dropped_send<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing_through::<H>(role, config(), 100);
            let (mut reader, writer) = ws.split();
            let data = pattern(2000);
            let send = async {
                pause().await;
                assert!(once(writer.send(&data)).await.is_none());
            };
            let script = async {
                pause().await;
                pause().await;
                peer.expect(OpCode::Binary, &data).await;
                peer.send(peer.frames().text("got it")).await;
            };
            let (received, _) = join(reader.recv(), join(send, script)).await;
            assert_eq!(received.unwrap(), Some(Message::text("got it")));
        });
    }
}

/// Every receive method of the reader.
pub fn reader_receives_in_every_way<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let frames = peer.frames();
        peer.send(frames.text("owned")).await;
        peer.send(frames.text("lent")).await;
        peer.send(frames.ping(b"event")).await;
        peer.send(frames.binary(b"piece")).await;
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("owned")));
        assert_eq!(
            reader.recv_ref().await.unwrap().unwrap().as_text(),
            Some("lent")
        );
        assert!(matches!(
            reader.recv_event().await.unwrap(),
            Some(wskit_proto::Event::Ping(_))
        ));
        assert_eq!(reader.recv_piece().await.unwrap().unwrap().data, b"piece");
        writer.ping(b"ours").await.unwrap();
        peer.expect(OpCode::Pong, "event").await;
        peer.expect(OpCode::Ping, "ours").await;
    });
}

/// A writer closes while the reader is waiting: both learn of it, the reader does the work.
///
/// Proves: R6455-7.1.2-a
pub fn writer_closes_while_the_reader_waits<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let script = async {
                pause().await;
                peer.expect_close(1000).await;
                peer.send(peer.frames().text("still")).await;
                peer.send(peer.frames().close(1000, "")).await;
                if role == Role::Client {
                    peer.finish().await;
                }
                peer.expect_end().await;
            };
            let receive = async {
                assert_eq!(reader.recv().await.unwrap(), Some(Message::text("still")));
                assert_eq!(reader.recv().await.unwrap(), None);
            };
            let close = async {
                pause().await;
                let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
                assert!(outcome.is_clean());
                assert!(matches!(
                    writer.send("late").await,
                    Err(ConnectionError::Send(SendError::Closed))
                ));
            };
            join(join(receive, close), script).await;
        });
    }
}

/// A writer starts to close and is dropped; the reader alone completes the closing.
pub fn writer_starts_to_close_and_goes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let script = async {
                peer.expect_close(1000).await;
                peer.send(peer.frames().close(1000, "")).await;
                peer.finish().await;
                peer.expect_end().await;
            };
            let close = async {
                pause().await;
                writer.start_close(CloseCode::NORMAL, "").unwrap();
                drop(writer);
            };
            let ((received, ()), ()) = join(join(reader.recv(), close), script).await;
            assert_eq!(received.unwrap(), None);
            assert!(reader.outcome().unwrap().is_clean());
        });
    }
}

/// A writer whose reader was dropped reads itself: it answers pings and discards messages.
///
/// Proves: R6455-5.5.2-b
pub fn writer_reads_when_the_reader_is_gone<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing_through::<H>(role, config().write_high_water(1000), 200);
            let (reader, writer) = ws.split();
            drop(reader);
            let data = pattern(2000);
            let send = async {
                for _ in 0..10 {
                    writer.send(&data).await.unwrap();
                }
            };
            let script = async {
                peer.send(peer.frames().text("thrown away")).await;
                peer.send(peer.frames().ping(b"1")).await;
                let mut pongs = 0;
                let mut messages = 0;
                while messages < 10 {
                    match peer.frame().await.opcode {
                        OpCode::Pong => pongs += 1,
                        OpCode::Binary => messages += 1,
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(pongs, 1);
            };
            join(send, script).await;
        });
    }
}

/// A writer that waits for room learns of the peer's Close although the reader is gone and nothing
/// leaves.
///
/// Proves: R6455-6.1-a
pub fn waiting_writer_learns_of_a_close_when_the_reader_is_gone<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let config = config().write_high_water(1000);
            let (ws, mut peer, _) = facing_through::<H>(role, config, 200);
            let (reader, writer) = ws.split();
            drop(reader);
            writer.feed(&pattern(2000)).await.unwrap();
            let close = async {
                pause().await;
                peer.send(peer.frames().close(1000, "")).await;
            };
            let (fed, ()) = join(writer.feed("no room"), close).await;
            assert!(matches!(fed, Err(ConnectionError::Send(SendError::Closed))));
            assert_eq!(writer.state(), State::Closing);
        });
    }
}

/// The reader is dropped first; `Writer::close` still completes the closing handshake.
///
/// Proves: R6455-7.1.2-b
pub fn writer_closes_when_the_reader_is_gone<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (reader, writer) = ws.split();
            drop(reader);
            let script = async {
                peer.expect_close(1000).await;
                for _ in 0..10 {
                    peer.send(peer.frames().text("thrown away")).await;
                    pause().await;
                }
                peer.send(peer.frames().close(1000, "")).await;
                if role == Role::Client {
                    peer.finish().await;
                }
                peer.expect_end().await;
            };
            let (outcome, ()) = join(writer.close(CloseCode::NORMAL, ""), script).await;
            assert!(outcome.unwrap().is_clean());
        });
    }
}

/// The reader is dropped in the middle of `Writer::close`.
pub fn reader_goes_while_a_writer_closes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let script = async {
                peer.expect_close(1000).await;
                pause().await;
                pause().await;
                pause().await;
                peer.send(peer.frames().close(1000, "")).await;
                if role == Role::Client {
                    peer.finish().await;
                }
                peer.expect_end().await;
            };
            let read = async {
                assert!(once(reader.recv()).await.is_none());
                pause().await;
                drop(reader);
            };
            let ((outcome, ()), ()) =
                join(join(writer.close(CloseCode::NORMAL, ""), read), script).await;
            assert!(outcome.unwrap().is_clean());
        });
    }
}

/// Two writers close at once; both get the outcome.
pub fn two_writers_close_at_once<H: Harness>() {
    for with_reader in [true, false] {
        run::<H>(async {
            let pair = pair::<H>(config(), CAPACITY);
            let mut server = pair.server;
            let (reader, writer) = pair.client.split();
            let other = writer.clone();
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for writer in [writer, other] {
                tasks.push(Box::pin(async move {
                    assert!(
                        writer
                            .close(CloseCode::NORMAL, "")
                            .await
                            .unwrap()
                            .is_clean()
                    );
                }));
            }
            if with_reader {
                tasks.push(Box::pin(async move {
                    let mut reader = reader;
                    assert_eq!(reader.recv().await.unwrap(), None);
                }));
            } else {
                drop(reader);
            }
            tasks.push(Box::pin(async {
                assert_eq!(server.recv().await.unwrap(), None);
            }));
            join_all(tasks).await;
        });
    }
}

/// The last writer is dropped: the reader still receives, answers, and creates a new writer.
pub fn reader_goes_on_without_writers<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            writer.feed("fed by one who went").await.unwrap();
            drop(writer);
            let script = async {
                peer.expect(OpCode::Text, "fed by one who went").await;
                peer.send(peer.frames().ping(b"1")).await;
                peer.expect(OpCode::Pong, "1").await;
                peer.send(peer.frames().text("go on")).await;
            };
            let (received, ()) = join(reader.recv(), script).await;
            assert_eq!(received.unwrap(), Some(Message::text("go on")));
            reader.writer().send("again").await.unwrap();
            peer.expect(OpCode::Text, "again").await;
            drop(reader);
            assert!(probe.is_dropped());
            peer.expect_end().await;
        });
    }
}

/// A writer that outlives the reader keeps the transport until it is dropped too.
pub fn transport_is_dropped_with_the_last_half<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, probe) = facing::<H>(Role::Server, config());
        let (reader, writer) = ws.split();
        drop(reader);
        assert!(!probe.is_dropped());
        writer.send("still here").await.unwrap();
        drop(writer);
        assert!(probe.is_dropped());
        peer.expect(OpCode::Text, "still here").await;
        peer.expect_end().await;
    });
}

/// A connection that is split with a message waiting hands it to the reader.
pub fn message_kept_before_the_split_reaches_the_reader<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config());
        peer.send(peer.frames().text("kept")).await;
        peer.send(peer.frames().text("next")).await;
        ws.send("x").await.unwrap();
        let (mut reader, writer) = ws.split();
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("kept")));
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("next")));
        assert_eq!(writer.state(), State::Open);
    });
}

/// The transport fails during the writer's flush: both halves report it, in either order.
///
/// Proves: R6455-7.2.1-a
pub fn both_halves_learn_of_a_reset<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, peer, _) = facing_through::<H>(role, config(), 100);
            let (mut reader, writer) = ws.split();
            let data = pattern(2000);
            let reset = async {
                pause().await;
                pause().await;
                peer.probe().reset();
            };
            let ((received, sent), ()) = join(join(reader.recv(), writer.send(&data)), reset).await;
            assert!(received.unwrap_err().is_disconnect());
            sent.unwrap_err();
            assert_eq!(reader.recv().await.unwrap(), None);
            assert!(matches!(
                writer.send("x").await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            assert!(!writer.outcome().unwrap().is_clean());
        });
    }
}
