//! Which calls answer control frames, and when.

use wskit_frame::OpCode;
use wskit_proto::Event;
use wskit_proto::{Message, Role};
use wskit_test::{Frame, Harness, cut, join, once, pause, run};

use crate::scene::{ROLES, config, echo, facing, facing_through};

/// Proves: R6455-5.5.2-a, R6455-5.5.2-b, R6455-5.5.3-a
pub fn pong_leaves_while_only_a_receive_is_pending<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            let script = async {
                for len in [0, 1, 125] {
                    peer.send(frames.ping(&vec![b'p'; len])).await;
                    peer.expect(OpCode::Pong, vec![b'p'; len]).await;
                }
                peer.send(frames.text("end")).await;
            };
            let (received, ()) = join(ws.recv(), script).await;
            assert_eq!(received.unwrap(), Some(Message::text("end")));
        });
    }
}

/// Proves: R6455-5.5.2-b
pub fn split_reader_answers_pings_while_writer_is_idle<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, _writer) = ws.split();
            let frames = peer.frames();
            let script = async {
                peer.send(frames.ping(b"1")).await;
                peer.expect(OpCode::Pong, "1").await;
                peer.send(frames.text("end")).await;
            };
            let (received, ()) = join(reader.recv(), script).await;
            assert_eq!(received.unwrap(), Some(Message::text("end")));
        });
    }
}

/// Proves: R6455-5.5.1-f, R6455-5.5.1-g, R6455-5.5.1-i, R6455-7.1.2-b, R6455-7.1.5-a, R6455-7.1.6-a
pub fn close_is_answered_by_a_pending_receive<H: Harness>() {
    for role in ROLES {
        for code in [1000, 1001, 3000, 4999] {
            run::<H>(async {
                let (mut ws, mut peer, probe) = facing::<H>(role, config());
                let frames = peer.frames();
                let script = async {
                    peer.send(frames.close(code, "bye")).await;
                    peer.expect_close(code).await;
                    peer.finish().await;
                    peer.expect_end().await;
                };
                let (received, ()) = join(ws.recv(), script).await;
                assert_eq!(received.unwrap(), None);
                let outcome = ws.outcome().unwrap();
                assert!(outcome.is_clean());
                assert_eq!((outcome.code().get(), outcome.reason()), (code, "bye"));
                assert!(probe.shutdowns() > 0 || role == Role::Client);
                assert_eq!(ws.recv().await.unwrap(), None);
            });
        }
    }
}

/// Without a writing task the reader alone answers and ends the transport.
///
/// Proves: R6455-5.5.1-g, R6455-5.5.1-i
pub fn split_reader_echoes_close_while_writer_is_idle<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let frames = peer.frames();
            let script = async {
                peer.send(frames.close(1001, "")).await;
                peer.expect_close(1001).await;
                if role == Role::Client {
                    peer.finish().await;
                }
                peer.expect_end().await;
            };
            let (received, ()) = join(reader.recv(), script).await;
            assert_eq!(received.unwrap(), None);
            assert!(writer.outcome().unwrap().is_clean());
        });
    }
}

/// An owner that only sends answers pings with its sends; the first message waits for a receive.
///
/// Proves: R6455-5.5.2-b
pub fn sender_answers_pings_and_keeps_the_first_message<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            peer.send(frames.ping(b"1")).await;
            ws.send("a").await.unwrap();
            peer.send(frames.ping(b"2")).await;
            peer.send(frames.text("first")).await;
            peer.send(frames.text("second")).await;
            ws.send("b").await.unwrap();
            ws.send("c").await.unwrap();
            let mut got = Vec::new();
            for _ in 0..5 {
                got.push(peer.frame().await);
            }
            got.sort_by_key(|frame| (frame.opcode as u8, frame.payload.clone()));
            let expected = [
                Frame::new(OpCode::Text, "a"),
                Frame::new(OpCode::Text, "b"),
                Frame::new(OpCode::Text, "c"),
                Frame::new(OpCode::Pong, "1"),
                Frame::new(OpCode::Pong, "2"),
            ];
            assert_eq!(got, expected);
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("first")));
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("second")));
        });
    }
}

/// A message received while sending is kept intact while more is read and sent.
pub fn message_kept_while_sending_is_not_overwritten<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config());
        let frames = peer.frames();
        let long = "kept ".repeat(50);
        peer.send(frames.text(&long)).await;
        for _ in 0..5 {
            ws.send("x").await.unwrap();
            ws.flush().await.unwrap();
            peer.send(frames.text("later")).await;
        }
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(long.as_str())));
        for _ in 0..5 {
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("later")));
        }
        assert!(once(ws.recv()).await.is_none());
    });
}

/// A message too large for the read buffer, or in fragments, is kept while sending too.
pub fn large_message_kept_while_sending_is_whole<H: Harness>() {
    for pieces in [1, 3] {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config(), 1 << 20);
            let frames = peer.frames();
            let text = "0123456789".repeat(10_000);
            let cut: Vec<&str> = (0..pieces)
                .map(|at| &text[text.len() * at / pieces..text.len() * (at + 1) / pieces])
                .collect();
            peer.send(frames.fragments(&cut)).await;
            peer.send(frames.text("next")).await;
            for _ in 0..3 {
                ws.send("x").await.unwrap();
            }
            let (message, _) = ws.recv_ref().await.unwrap().unwrap();
            assert!(message.as_text() == Some(&text), "{} bytes", message.len());
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("next")));
        });
    }
}

/// A message that came while sending is whole, whichever way the one before was received.
pub fn message_kept_while_sending_suits_every_receive<H: Harness>() {
    for pieces in [false, true] {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config(), 1 << 20);
            let frames = peer.frames();
            let long = "0123456789".repeat(10_000);
            for text in ["short", &long] {
                peer.send(frames.text("in pieces")).await;
                assert!(ws.recv_piece().await.unwrap().unwrap().last);
                peer.send(frames.text(text)).await;
                for _ in 0..3 {
                    ws.send("x").await.unwrap();
                }
                if pieces {
                    let mut got = Vec::new();
                    while {
                        let piece = ws.recv_piece().await.unwrap().unwrap();
                        got.extend_from_slice(piece.data);
                        !piece.last
                    } {}
                    assert!(got == text.as_bytes());
                } else {
                    assert!(ws.recv().await.unwrap() == Some(Message::text(text)));
                }
            }
        });
    }
}

/// Autobahn 2.10 wants each of ten pings answered.
///
/// Proves: R6455-5.5.3-a
pub fn ten_pings_get_ten_pongs_in_order<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut burst = Vec::new();
            for at in 0..10_u8 {
                burst.extend(peer.frames().ping(&[at]));
            }
            peer.send(burst).await;
            assert!(cut(ws.recv(), 1).await.is_none());
            for at in 0..10_u8 {
                peer.expect(OpCode::Pong, [at]).await;
            }
        });
    }
}

/// As long as the peer takes them, no pong is left out, however many pings come at once.
///
/// Proves: R6455-5.5.2-a
pub fn every_ping_of_a_burst_gets_its_pong<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let mut burst = Vec::new();
            for at in 0..200_u8 {
                burst.extend(peer.frames().ping(&[at; 125]));
            }
            peer.send(burst).await;
            assert!(once(ws.recv()).await.is_none());
            for at in 0..200_u8 {
                peer.expect(OpCode::Pong, [at; 125]).await;
            }
        });
    }
}

/// Without automatic pongs no ping is lost to an owner that sends before it receives.
pub fn unanswered_ping_is_told_after_a_send<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config().auto_pong(false));
        let frames = peer.frames();
        peer.send(frames.ping(b"?")).await;
        peer.send(frames.text("after")).await;
        ws.send("a").await.unwrap();
        peer.expect(OpCode::Text, "a").await;
        let Some(Event::Ping(payload)) = ws.recv_event().await.unwrap() else {
            panic!("the ping was lost")
        };
        ws.outbox().pong(&payload).unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("after")));
        ws.flush().await.unwrap();
        peer.expect(OpCode::Pong, "?").await;
    });
}

/// The pong of the owner's own ping that comes while it is sending is reported.
pub fn pong_that_comes_while_sending_is_told<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            ws.ping(b"1").await.unwrap();
            peer.expect(OpCode::Ping, "1").await;
            peer.send(frames.pong(b"0")).await;
            peer.send(frames.pong(b"1")).await;
            peer.send(frames.text("after")).await;
            ws.send("a").await.unwrap();
            ws.send("b").await.unwrap();
            assert!(
                matches!(ws.recv_event().await.unwrap(), Some(Event::Pong(payload)) if &*payload == b"1")
            );
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("after")));
            // A pong that is not asked for does not block others.
            peer.send(frames.pong(b"2")).await;
            peer.send(frames.text("more")).await;
            ws.send("c").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("more")));
            assert!(once(ws.recv()).await.is_none());
        });
    }
}

/// After the peer's Close pings are not answered and data is not delivered.
///
/// Proves: R6455-5.5.1-m, R6455-5.5.2-a
pub fn nothing_behind_a_close_counts<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            let mut bytes = frames.text("before");
            bytes.extend(frames.close(1000, ""));
            bytes.extend(frames.text("behind"));
            bytes.extend(frames.ping(b"behind"));
            let script = async {
                peer.send(bytes).await;
                peer.expect_close(1000).await;
                peer.finish().await;
                peer.expect_end().await;
            };
            let receive = async {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("before")));
                assert_eq!(ws.recv().await.unwrap(), None);
                drop(ws);
            };
            join(receive, script).await;
        });
    }
}

/// A fed answer to each message and pings between them: neither starves.
pub fn echo_and_pings_mix<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config(), 64);
        let frames = peer.frames();
        let script = async {
            for at in 0..50 {
                let text = format!("message {at}");
                peer.send(frames.ping(&[at])).await;
                peer.send(frames.text(&text)).await;
                let mut got = [peer.frame().await, peer.frame().await];
                got.sort_by_key(|frame| frame.opcode as u8);
                assert_eq!(
                    got,
                    [
                        Frame::new(OpCode::Text, &text),
                        Frame::new(OpCode::Pong, [at])
                    ]
                );
                pause().await;
            }
            peer.hang_up();
        };
        let (echoed, ()) = join(echo::<H>(&mut ws), script).await;
        assert!(echoed.unwrap_err().is_disconnect());
    });
}
