//! Messages both ways, by every receive and send method.

use bytes::Bytes;
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::Event;
use wskit_proto::{Config, Message, MessageKind, Role};
use wskit_test::{Faults, Frame, Harness, join, once, pause, run};

use crate::scene::{CAPACITY, ROLES, config, echo, facing, pair, pattern};

/// Proves: R6455-5.4-a, R6455-6.1-c, R6455-6.1-d, R6455-6.2-c
pub fn text_and_binary_come_back<H: Harness>() {
    run::<H>(async {
        let mut pair = pair::<H>(config(), CAPACITY);
        join(
            async {
                let client = &mut pair.client;
                client.send("hello").await.unwrap();
                assert_eq!(client.recv().await.unwrap(), Some(Message::text("hello")));
                client.send(&[0_u8, 255][..]).await.unwrap();
                assert_eq!(
                    client.recv().await.unwrap(),
                    Some(Message::binary(vec![0, 255]))
                );
                client.send("").await.unwrap();
                assert_eq!(client.recv().await.unwrap(), Some(Message::text("")));
                let outcome = client.close(CloseCode::NORMAL, "done").await.unwrap();
                assert!(outcome.is_clean(), "{outcome:?}");
                assert_eq!(client.recv().await.unwrap(), None);
            },
            async {
                while let Some(message) = pair.server.recv().await.unwrap() {
                    pair.server.send(message).await.unwrap();
                }
                assert_eq!(pair.server.outcome().unwrap().reason(), "done");
            },
        )
        .await;
    });
}

/// Every length form and buffer path, through an ordinary pipe, a tiny one, and byte by byte.
///
/// Proves: R6455-6.1-b, R6455-6.1-f, R6455-6.2-a, X-io-5
pub fn every_size_comes_back_through_every_pipe<H: Harness>() {
    let small = [0, 1, 2, 125, 126, 127, 1000];
    let large = [
        4095,
        4096,
        16_384,
        16_385,
        32_768,
        65_535,
        65_536,
        300_000,
        1 << 20,
    ];
    let all: Vec<_> = small.iter().chain(&large).copied().collect();
    let cases = [
        (CAPACITY, Faults::none(), &all[..]),
        (7, Faults::hesitant(), &small[..]),
        (CAPACITY, Faults::slow(), &small[..]),
    ];
    for (capacity, faults, sizes) in cases {
        run::<H>(async {
            let mut pair = pair::<H>(config(), capacity);
            pair.client_probe.set_faults(faults);
            pair.server_probe.set_faults(faults);
            join(
                async {
                    for &size in sizes {
                        let data = pattern(size);
                        pair.client.send(&data).await.unwrap();
                        let message = pair.client.recv().await.unwrap().unwrap();
                        assert!(message.as_bytes() == data, "{size} bytes came back changed");
                        pair.client.send(Bytes::from(data.clone())).await.unwrap();
                        let (message, _) = pair.client.recv_ref().await.unwrap().unwrap();
                        assert!(message.as_bytes() == data, "{size} bytes came back changed");
                    }
                    assert!(
                        pair.client
                            .close(CloseCode::NORMAL, "")
                            .await
                            .unwrap()
                            .is_clean()
                    );
                },
                async { echo::<H>(&mut pair.server).await.unwrap() },
            )
            .await;
        });
    }
}

/// Proves: R6455-5.4-e, R6455-5.4-f, R6455-5.4-h, R6455-5.4-j, R6455-6.2-b
pub fn fragments_come_back_whole_with_a_ping_between<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            let script = async {
                peer.send(frames.frame(OpCode::Text, false, b"one, ")).await;
                peer.send(frames.ping(b"between")).await;
                peer.expect(OpCode::Pong, "between").await;
                peer.send(frames.frame(OpCode::Continuation, false, b""))
                    .await;
                peer.send(frames.frame(OpCode::Continuation, true, b"two"))
                    .await;
                peer.expect(OpCode::Text, "one, two").await;
                peer.send(frames.fragments(&["a", "b", "c"])).await;
                peer.expect(OpCode::Text, "abc").await;
                peer.hang_up();
            };
            let ((), echoed) = join(script, echo::<H>(&mut ws)).await;
            assert!(echoed.unwrap_err().is_disconnect());
        });
    }
}

/// Proves: R6455-5.4-i
pub fn sender_cuts_messages_into_fragments<H: Harness>() {
    run::<H>(async {
        let mut pair = pair::<H>(Config::fragment_size(config(), 4.try_into().ok()), CAPACITY);
        join(
            async {
                pair.client.send("hello, fragments").await.unwrap();
                assert_eq!(
                    pair.client.recv().await.unwrap(),
                    Some(Message::text("hello, fragments"))
                );
                let frames = Frame::parse_all(Role::Client, &pair.client_probe.written());
                assert_eq!(frames.len(), 4, "{frames:?}");
                assert!(
                    pair.client
                        .close(CloseCode::NORMAL, "")
                        .await
                        .unwrap()
                        .is_clean()
                );
            },
            async { echo::<H>(&mut pair.server).await.unwrap() },
        )
        .await;
    });
}

/// Pieces come before the message is whole, even inside a frame.
///
/// Proves: R6455-5.4-k
pub fn pieces_come_as_they_arrive<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            let data = pattern(100_000);
            let frame = peer.frames().binary(&data);
            let (front, back) = frame.split_at(50_000);
            let receive = async {
                let mut got = Vec::new();
                loop {
                    let piece = ws.recv_piece().await.unwrap().unwrap();
                    assert_eq!(piece.kind, MessageKind::Binary);
                    assert_eq!(piece.first, got.is_empty());
                    got.extend_from_slice(piece.data);
                    if piece.last {
                        break;
                    }
                }
                assert!(got == data);
                // Whole messages again.
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("whole")));
            };
            let script = async {
                peer.send(front).await;
                // The other end must deliver all of it before the rest arrives.
                while probe.unread() > 0 {
                    pause().await;
                }
                peer.send(back).await;
                let next = peer.frames().text("whole");
                peer.send(next).await;
            };
            join(receive, script).await;
        });
    }
}

/// A receive of whole messages skips the rest of one that was begun in pieces.
pub fn whole_receive_skips_the_rest_of_pieces<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config());
        let frames = peer.frames();
        peer.send(frames.frame(OpCode::Text, false, b"begun "))
            .await;
        let piece = ws.recv_piece().await.unwrap().unwrap();
        assert_eq!(
            (piece.first, piece.last, piece.data),
            (true, false, &b"begun "[..])
        );
        assert!(once(ws.recv()).await.is_none());
        peer.send(frames.frame(OpCode::Continuation, true, b"and ended"))
            .await;
        peer.send(frames.text("next")).await;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("next")));
    });
}

/// Proves: R6455-5.5.3-c, R6455-5.5.2-c
pub fn events_tell_pings_and_pongs<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            ws.ping(b"there?").await.unwrap();
            peer.expect(OpCode::Ping, "there?").await;
            peer.send(frames.pong(b"there?")).await;
            peer.send(frames.ping(b"and you?")).await;
            peer.send(frames.text("yes")).await;
            assert!(
                matches!(ws.recv_event().await.unwrap(), Some(Event::Pong(payload)) if &*payload == b"there?")
            );
            assert!(
                matches!(ws.recv_event().await.unwrap(), Some(Event::Ping(payload)) if &*payload == b"and you?")
            );
            assert!(
                matches!(ws.recv_event().await.unwrap(), Some(Event::Message(text)) if text == Message::text("yes"))
            );
            assert!(once(ws.recv_event()).await.is_none());
            peer.expect(OpCode::Pong, "and you?").await;
            // An unsolicited pong is ignored.
            peer.send(frames.pong(b"")).await;
            peer.send(frames.text("more")).await;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("more")));
        });
    }
}

/// Proves: X-io-4
pub fn reserved_message_is_queued_for_certain<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            drop(ws.reserve().await.unwrap());
            ws.flush().await.unwrap();
            assert_eq!(probe.writes(), 0, "a permit that is dropped sends nothing");
            ws.reserve().await.unwrap().send("reserved");
            assert_eq!(probe.writes(), 0);
            ws.flush().await.unwrap();
            peer.expect(OpCode::Text, "reserved").await;
        });
    }
}
