//! When bytes leave: a burst costs one write, and nothing that is queued is forgotten.

use wskit_frame::OpCode;
use wskit_test::{Frame, Harness, join, once, run};

use crate::scene::{ROLES, config, echo, facing, pattern};

/// Proves: R6455-6.1-f
pub fn burst_is_answered_with_one_write<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            let mut burst = Vec::new();
            for at in 0..100 {
                burst.extend(peer.frames().text(&format!("message {at}")));
            }
            peer.send(burst).await;
            assert!(once(echo::<H>(&mut ws)).await.is_none());
            assert_eq!((probe.reads(), probe.writes(), probe.flushes()), (1, 1, 1));
            for at in 0..100 {
                peer.expect(OpCode::Text, format!("message {at}")).await;
            }
        });
    }
}

/// Proves: R6455-6.1-f
pub fn split_burst_is_answered_with_one_write<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let mut burst = Vec::new();
            for at in 0..100 {
                burst.extend(peer.frames().text(&format!("message {at}")));
            }
            peer.send(burst).await;
            let answer = async {
                while let Some(message) = reader.recv().await.unwrap() {
                    writer.feed(message).await.unwrap();
                }
            };
            assert!(once(answer).await.is_none());
            assert_eq!((probe.reads(), probe.writes(), probe.flushes()), (1, 1, 1));
            for at in 0..100 {
                peer.expect(OpCode::Text, format!("message {at}")).await;
            }
        });
    }
}

/// Proves: R6455-6.1-f
pub fn fed_message_leaves_when_a_receive_waits<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            ws.feed("queued").await.unwrap();
            assert_eq!(probe.writes(), 0);
            assert!(once(ws.recv()).await.is_none());
            peer.expect(OpCode::Text, "queued").await;

            let (mut reader, writer) = ws.split();
            writer.feed("queued again").await.unwrap();
            assert_eq!(probe.writes(), 1);
            assert!(once(reader.recv()).await.is_none());
            peer.expect(OpCode::Text, "queued again").await;
        });
    }
}

/// What was fed before a split leaves after it.
pub fn fed_message_survives_a_split<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(wskit_proto::Role::Client, config());
        ws.feed("before").await.unwrap();
        let (_reader, writer) = ws.split();
        writer.flush().await.unwrap();
        peer.expect(OpCode::Text, "before").await;
    });
}

/// Proves: R6455-6.1-f
pub fn send_has_written_when_it_returns<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            for at in 1..=10 {
                ws.send("now").await.unwrap();
                assert_eq!((probe.writes(), probe.flushes()), (at, at));
            }
            for _ in 0..10 {
                peer.expect(OpCode::Text, "now").await;
            }
        });
    }
}

/// A queue of many large payloads and small frames leaves in order, in gathered writes.
pub fn large_and_small_messages_leave_in_order<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(
                role,
                config()
                    .write_high_water(1 << 24)
                    .write_queue_limit(1 << 24),
            );
            let large = pattern(20_000);
            let script = async {
                for at in 0..50_u8 {
                    peer.expect(OpCode::Binary, [at]).await;
                    assert!(
                        peer.frame().await == Frame::new(OpCode::Binary, &large),
                        "message {at}"
                    );
                }
            };
            let send = async {
                for at in 0..50_u8 {
                    ws.feed(&[at][..]).await.unwrap();
                    ws.feed(large.clone()).await.unwrap();
                }
                ws.flush().await.unwrap();
            };
            join(send, script).await;
        });
    }
}
