//! Messages that are sent while they are being made.

use wskit_driver::ConnectionError;
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{MessageKind, Role, SendError, State};
use wskit_test::{Boxed, Harness, join, join_all, once, pause, run};

use crate::scene::{CAPACITY, ROLES, config, facing, facing_through, pair, pattern};

/// Proves: R6455-5.4-a, R6455-5.4-i, R6455-5.4-j
pub fn pieces_leave_as_frames<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut message = ws.begin(MessageKind::Text).await.unwrap();
            message.write("one").await.unwrap();
            message.write("").await.unwrap();
            message.write("two").await.unwrap();
            message.finish().await.unwrap();
            peer.expect_part(OpCode::Text, "one").await;
            peer.expect_part(OpCode::Continuation, "two").await;
            peer.expect(OpCode::Continuation, "").await;

            let (_reader, writer) = ws.split();
            let large = pattern(100_000);
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write(&large).await.unwrap();
            let script = async {
                peer.expect_part(OpCode::Binary, &large).await;
                peer.expect(OpCode::Continuation, "").await;
            };
            join(async { message.finish().await.unwrap() }, script).await;

            let message = writer.begin(MessageKind::Binary).await.unwrap();
            message.finish().await.unwrap();
            peer.expect(OpCode::Binary, "").await;
        });
    }
}

/// What is streamed at one end comes in pieces at the other while it is being made, both ways at once
/// and through any pipe.
///
/// Proves: R6455-5.4-f, R6455-5.4-h, R6455-5.4-k, R6455-5.6-a
pub fn streams_pass_each_other<H: Harness>() {
    for (capacity, size) in [(7, 10_000), (1000, 200_000), (CAPACITY, 1_500_000)] {
        run::<H>(async {
            let limits = config().write_high_water(2000).max_message_size(size);
            let pair = pair::<H>(limits, capacity);
            let data = pattern(size);
            let text = "a\u{e9}\u{20ac}\u{1d11e}".repeat(size / 10);
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for ws in [pair.client, pair.server] {
                let (mut reader, writer) = ws.split();
                let (data, text) = (&data, &text);
                tasks.push(Box::pin(async move {
                    for (kind, bytes) in [
                        (MessageKind::Binary, &data[..]),
                        (MessageKind::Text, text.as_bytes()),
                    ] {
                        let mut message = writer.begin(kind).await.unwrap();
                        for piece in bytes.chunks(1 + size / 97) {
                            message.write(piece).await.unwrap();
                        }
                        message.finish().await.unwrap();
                    }
                }));
                tasks.push(Box::pin(async move {
                    for bytes in [&data[..], text.as_bytes()] {
                        let mut got = 0;
                        loop {
                            let piece = reader.recv_piece().await.unwrap().unwrap();
                            assert_eq!(piece.first, got == 0);
                            assert!(piece.data == &bytes[got..got + piece.data.len()]);
                            got += piece.data.len();
                            if piece.last {
                                break;
                            }
                        }
                        assert_eq!(got, bytes.len());
                    }
                }));
            }
            join_all(tasks).await;
        });
    }
}

/// Proves: R6455-5.4-e
pub fn pongs_go_between_pieces<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut message = ws.begin(MessageKind::Binary).await.unwrap();
            for at in 0..3_u8 {
                peer.send(peer.frames().ping(&[at])).await;
                message.write([at]).await.unwrap();
                message.flush().await.unwrap();
            }
            message.finish().await.unwrap();
            let mut frames = Vec::new();
            for _ in 0..7 {
                frames.push(peer.frame().await);
            }
            let pongs = frames.iter().filter(|frame| frame.opcode == OpCode::Pong);
            assert_eq!(pongs.count(), 3, "{frames:?}");
            assert_ne!(frames[6].opcode, OpCode::Pong, "only after the message");

            let (mut reader, writer) = ws.split();
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write("a").await.unwrap();
            message.flush().await.unwrap();
            peer.send(peer.frames().ping(b"?")).await;
            assert!(once(reader.recv()).await.is_none());
            peer.expect_part(OpCode::Binary, "a").await;
            peer.expect(OpCode::Pong, "?").await;
            message.finish().await.unwrap();
            peer.expect(OpCode::Continuation, "").await;
        });
    }
}

/// Proves: X-io-3, X-io-4
pub fn write_waits_while_the_peer_does_not_read<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(8 << 10), 1024);
            let data = pattern(1000);
            let mut message = ws.begin(MessageKind::Binary).await.unwrap();
            let mut written = 0;
            while once(message.write(&data)).await.is_some() {
                written += 1;
                assert!(written < 20, "{written} pieces and no end");
            }
            for _ in 0..100 {
                assert!(once(message.write("dropped")).await.is_none());
            }
            let script = async {
                peer.expect_part(OpCode::Binary, &data).await;
                for _ in 1..written {
                    peer.expect_part(OpCode::Continuation, &data).await;
                }
                peer.expect_part(OpCode::Continuation, "goes on").await;
                peer.expect(OpCode::Continuation, "").await;
            };
            let send = async {
                message.write("goes on").await.unwrap();
                message.finish().await.unwrap();
            };
            join(send, script).await;
        });
    }
}

/// The last frame is sent although the queue is full, because other writers wait for it.
pub fn message_ends_behind_a_full_queue<H: Harness>() {
    run::<H>(async {
        let config = config().write_high_water(1000).write_queue_limit(1000);
        let (ws, mut peer, _) = facing_through::<H>(Role::Client, config, 100);
        let (_reader, writer) = ws.split();
        let mut message = writer.begin(MessageKind::Binary).await.unwrap();
        let data = pattern(5000);
        message.write(&data).await.unwrap();
        assert!(once(message.finish()).await.is_none());
        let script = async {
            peer.expect_part(OpCode::Binary, &data).await;
            peer.expect(OpCode::Continuation, "").await;
            peer.expect(OpCode::Text, "next").await;
        };
        join(async { writer.send("next").await.unwrap() }, script).await;
    });
}

/// No message gets between the pieces of another, and all are sent.
///
/// Proves: R6455-5.4-g
pub fn other_writers_wait_for_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (_reader, writer) = ws.split();
            let mut message = writer.begin(MessageKind::Text).await.unwrap();
            message.write("a").await.unwrap();
            let other = writer.clone();
            assert_eq!(other.try_feed("no"), Err(SendError::MessageOpen));
            let stream = async {
                for _ in 0..5 {
                    pause().await;
                }
                message.write("b").await.unwrap();
                message.finish().await.unwrap();
            };
            let mut tasks: Vec<Boxed<'_, ()>> = vec![
                Box::pin(async { other.send("second").await.unwrap() }),
                Box::pin(async {
                    let mut message = writer.begin(MessageKind::Text).await.unwrap();
                    message.write("third").await.unwrap();
                    pause().await;
                    message.finish().await.unwrap();
                }),
                Box::pin(async { writer.reserve().await.unwrap().send("fourth") }),
            ];
            tasks.push(Box::pin(stream));
            join_all(tasks).await;
            writer.flush().await.unwrap();
            peer.expect_part(OpCode::Text, "a").await;
            peer.expect_part(OpCode::Continuation, "b").await;
            peer.expect(OpCode::Continuation, "").await;
            peer.expect(OpCode::Text, "second").await;
            peer.expect_part(OpCode::Text, "third").await;
            peer.expect(OpCode::Continuation, "").await;
            peer.expect(OpCode::Text, "fourth").await;
        });
    }
}

/// A message in pieces begins after the outstanding permits are used.
pub fn stream_begins_after_the_permits<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (_reader, writer) = ws.split();
        let permits = [
            writer.reserve().await.unwrap(),
            writer.reserve().await.unwrap(),
        ];
        let use_them = async {
            let [one, two] = permits;
            pause().await;
            one.send("permitted");
            pause().await;
            drop(two);
        };
        let stream = async {
            let mut message = writer.begin(MessageKind::Text).await.unwrap();
            message.write("streamed").await.unwrap();
            message.finish().await.unwrap();
        };
        join(stream, use_them).await;
        peer.expect(OpCode::Text, "permitted").await;
        peer.expect_part(OpCode::Text, "streamed").await;

        // A dropped waiter leaves nothing behind.
        let permit = writer.reserve().await.unwrap();
        assert!(once(writer.begin(MessageKind::Text)).await.is_none());
        drop(permit);
        peer.expect(OpCode::Continuation, "").await;
        writer.send("free").await.unwrap();
        peer.expect(OpCode::Text, "free").await;
    });
}

/// Proves: X-io-4
pub fn message_without_a_piece_is_taken_back<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            drop(ws.begin(MessageKind::Binary).await.unwrap());
            ws.send("as if nothing were").await.unwrap();
            peer.expect(OpCode::Text, "as if nothing were").await;
            let (_reader, writer) = ws.split();
            let message = writer.begin(MessageKind::Binary).await.unwrap();
            let other = async { writer.send("waited").await.unwrap() };
            join(other, async { drop(message) }).await;
            peer.expect(OpCode::Text, "waited").await;
        });
    }
}

/// Proves: R6455-5.5.1-e, R6455-7.1.7-b
pub fn unfinished_message_closes_with_1011<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut message = ws.begin(MessageKind::Binary).await.unwrap();
            message.write("half").await.unwrap();
            drop(message);
            assert_eq!(ws.state(), State::Closing);
            assert!(ws.send("more").await.unwrap_err().is_closed());
            assert!(once(ws.recv()).await.is_none());
            peer.expect_part(OpCode::Binary, "half").await;
            peer.expect_close(1011).await;
        });
        run::<H>(async {
            let pair = pair::<H>(config(), CAPACITY);
            let (near, mut far) = if role == Role::Client {
                (pair.client, pair.server)
            } else {
                (pair.server, pair.client)
            };
            let (mut reader, writer) = near.split();
            let stream = async {
                let mut message = writer.begin(MessageKind::Binary).await.unwrap();
                message.write("half").await.unwrap();
                // The reader waits, and so does another sender.
                pause().await;
                pause().await;
                drop(message);
            };
            let other = async { assert!(writer.send("x").await.unwrap_err().is_closed()) };
            let ends = async {
                let (near, far) = join(reader.recv(), far.recv()).await;
                assert_eq!((near.unwrap(), far.unwrap()), (None, None));
            };
            join(join(stream, other), ends).await;
            let told = far.outcome().unwrap().received.unwrap().unwrap();
            assert_eq!(told.code, CloseCode::INTERNAL_ERROR);
        });
    }
}

/// Proves: R6455-5.6-a, R6455-8.1-a
pub fn streamed_text_is_checked_as_it_goes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut message = ws.begin(MessageKind::Text).await.unwrap();
            message.write(b"caf\xc3").await.unwrap();
            assert!(matches!(
                message.write("x").await,
                Err(ConnectionError::Send(SendError::InvalidUtf8))
            ));
            message.write(b"\xa9").await.unwrap();
            message.finish().await.unwrap();
            peer.expect_part(OpCode::Text, b"caf\xc3").await;
            peer.expect_part(OpCode::Continuation, b"\xa9").await;
            peer.expect(OpCode::Continuation, "").await;

            let mut message = ws.begin(MessageKind::Text).await.unwrap();
            message.write(b"\xe2\x82").await.unwrap();
            assert!(matches!(
                message.finish().await,
                Err(ConnectionError::Send(SendError::InvalidUtf8))
            ));
            assert!(once(ws.recv()).await.is_none());
            peer.expect_part(OpCode::Text, b"\xe2\x82").await;
            peer.expect_close(1011).await;
        });
    }
}

/// Proves: R6455-5.5.1-e
pub fn close_ends_a_message_that_is_being_made<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write("half").await.unwrap();
            writer.start_close(CloseCode::GOING_AWAY, "").unwrap();
            assert!(message.write("more").await.unwrap_err().is_closed());
            drop(message);
            assert!(once(reader.recv()).await.is_none());
            peer.expect_part(OpCode::Binary, "half").await;
            peer.expect_close(1001).await;
        });
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut message = ws.begin(MessageKind::Binary).await.unwrap();
            message.write("half").await.unwrap();
            peer.send(peer.frames().close(1000, "")).await;
            message.flush().await.unwrap();
            assert!(message.write("more").await.unwrap_err().is_closed());
            assert!(message.finish().await.unwrap_err().is_closed());
            peer.expect_part(OpCode::Binary, "half").await;
            peer.expect_close(1000).await;
        });
    }
}

/// Writers that wait to begin, to write or to finish learn of the end.
pub fn streaming_writers_learn_of_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing_through::<H>(role, config().write_high_water(1000), 100);
            let (mut reader, writer) = ws.split();
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write(pattern(2000)).await.unwrap();
            let tasks: Vec<Boxed<'_, ()>> = vec![
                Box::pin(async { assert!(message.write("x").await.is_err()) }),
                Box::pin(async { assert!(writer.begin(MessageKind::Text).await.is_err()) }),
                Box::pin(async { assert!(reader.recv().await.unwrap_err().is_disconnect()) }),
                Box::pin(async { peer.hang_up() }),
            ];
            join_all(tasks).await;
        });
    }
}
