//! The closing handshake from either end, and what dropping does.

use wskit_driver::ConnectionError;
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Initiator, Message, Role, SendError, State};
use wskit_test::{Frame, Harness, join, once, run};

use crate::scene::{CAPACITY, ROLES, config, facing, pair, pattern};

/// Proves: R6455-7.1.2-a, R6455-7.1.3-a, R6455-7.1.4-a, R6455-7.4-a
pub fn close_completes_from_either_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let pair = pair::<H>(config(), CAPACITY);
            let (mut closer, mut other) = if role == Role::Client {
                (pair.client, pair.server)
            } else {
                (pair.server, pair.client)
            };
            let (ours, theirs) = join(closer.close(CloseCode::new(4000), "enough"), async {
                assert_eq!(other.recv().await.unwrap(), None);
                other.outcome().unwrap()
            })
            .await;
            let ours = ours.unwrap();
            assert!(ours.is_clean() && theirs.is_clean(), "{ours:?} {theirs:?}");
            assert_eq!(
                (ours.initiator, theirs.initiator),
                (Some(Initiator::Local), Some(Initiator::Peer))
            );
            assert_eq!(
                (ours.code().get(), theirs.code().get(), theirs.reason()),
                (4000, 4000, "enough")
            );
            assert_eq!(
                (closer.state(), other.state()),
                (State::Closed, State::Closed)
            );
            // A second call returns the outcome at once.
            assert_eq!(closer.close(CloseCode::NORMAL, "").await.unwrap(), ours);
            assert_eq!(closer.recv().await.unwrap(), None);
        });
    }
}

/// A server that has sent and received a Close ends TCP without waiting for anything.
///
/// Proves: R6455-5.5.1-j, R6455-7.1.1-c
pub fn server_ends_the_transport_at_once<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, probe) = facing::<H>(Role::Server, config());
        let script = async {
            peer.expect_close(1000).await;
            peer.send(peer.frames().close(1000, "")).await;
            peer.expect_end().await;
        };
        let (outcome, ()) = join(ws.close(CloseCode::NORMAL, ""), script).await;
        assert!(outcome.unwrap().is_clean());
        assert!(!probe.has_seen_end(), "the server waited for the client");
    });
}

/// A client that has sent and received a Close waits for the server to end TCP.
///
/// Proves: R6455-5.5.1-k, R6455-7.1.1-c
pub fn client_waits_for_the_server_to_end_the_transport<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, probe) = facing::<H>(Role::Client, config());
        assert!(once(ws.close(CloseCode::NORMAL, "")).await.is_none());
        peer.expect_close(1000).await;
        peer.send(peer.frames().close(1000, "")).await;
        assert!(
            once(ws.close(CloseCode::NORMAL, "")).await.is_none(),
            "the client did not wait"
        );
        assert!(!probe.is_dropped());
        assert_eq!(probe.shutdowns(), 0, "the server goes first");
        peer.finish().await;
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        assert!(probe.has_seen_end());
        assert_eq!(probe.shutdowns(), 1);
    });
}

/// Proves: R6455-5.5.1-l, R6455-7.1.2-a
pub fn crossing_closes_are_clean<H: Harness>() {
    run::<H>(async {
        let mut pair = pair::<H>(config(), CAPACITY);
        let (ours, theirs) = join(
            pair.client.close(CloseCode::new(4001), ""),
            pair.server.close(CloseCode::new(4002), ""),
        )
        .await;
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        assert!(ours.is_clean() && theirs.is_clean(), "{ours:?} {theirs:?}");
        assert_eq!((ours.code().get(), theirs.code().get()), (4002, 4001));
        for (role, probe) in [
            (Role::Client, &pair.client_probe),
            (Role::Server, &pair.server_probe),
        ] {
            assert_eq!(
                Frame::parse_all(role, &probe.written()).len(),
                1,
                "{role:?} sent one Close"
            );
        }
    });
}

/// `close` discards messages that still come.
pub fn close_discards_data_that_still_comes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let script = async {
                peer.expect_close(1000).await;
                for _ in 0..100 {
                    peer.send(peer.frames().binary(&pattern(10_000))).await;
                }
                peer.send(peer.frames().close(1000, "")).await;
                peer.finish().await;
                peer.expect_end().await;
            };
            let (outcome, ()) = join(
                async {
                    let outcome = ws.close(CloseCode::NORMAL, "").await;
                    drop(ws);
                    outcome
                },
                script,
            )
            .await;
            assert!(outcome.unwrap().is_clean());
        });
    }
}

/// After `start_close` messages that still come are received; none can be sent.
///
/// Proves: R6455-5.1-e, R6455-5.5.1-e, R6455-6.1-a
pub fn start_close_keeps_data_that_still_comes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            ws.feed("before").await.unwrap();
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(ws.state(), State::Closing);
            assert!(matches!(
                ws.send("after").await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            assert!(matches!(
                ws.feed("after").await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            assert!(matches!(
                ws.ping(b"").await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            assert!(matches!(
                ws.reserve().await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            let script = async {
                peer.expect(OpCode::Text, "before").await;
                peer.expect_close(1000).await;
                for at in 0..10 {
                    peer.send(peer.frames().text(&at.to_string())).await;
                }
                peer.send(peer.frames().close(1000, "")).await;
                peer.finish().await;
                peer.expect_end().await;
            };
            let receive = async {
                for at in 0..10 {
                    assert_eq!(
                        ws.recv().await.unwrap(),
                        Some(Message::text(at.to_string()))
                    );
                }
                assert_eq!(ws.recv().await.unwrap(), None);
                assert!(ws.outcome().unwrap().is_clean());
                drop(ws);
            };
            join(receive, script).await;
        });
    }
}

/// Proves: R6455-7.4.1-a, R6455-7.4.1-b, R6455-7.4.1-c
pub fn close_that_may_not_be_sent_changes_nothing<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, probe) = facing::<H>(Role::Client, config());
        for code in [1005, 1006, 1015, 0, 999, 5000] {
            let refused = ws.close(CloseCode::new(code), "").await;
            assert!(
                matches!(
                    refused,
                    Err(ConnectionError::Send(SendError::InvalidCloseCode(_)))
                ),
                "{code}"
            );
        }
        let refused = ws.close(CloseCode::NORMAL, "x".repeat(124)).await;
        assert!(matches!(
            refused,
            Err(ConnectionError::Send(SendError::ReasonTooLong))
        ));
        assert_eq!((ws.state(), probe.written().len()), (State::Open, 0));
        ws.send("still open").await.unwrap();
        peer.expect(OpCode::Text, "still open").await;
    });
}

/// Dropping a connection ends the transport without a Close; queued messages are lost.
///
/// Proves: R6455-7.1.1-b
pub fn dropped_connection_ends_the_transport<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing::<H>(role, config());
            ws.feed("lost").await.unwrap();
            drop(ws);
            assert!(probe.is_dropped());
            peer.expect_end().await;
        });
    }
}

/// The peer's Close crosses with our data: it is answered, and sending is then an error.
///
/// Proves: R6455-5.5.1-e, R6455-6.1-a
pub fn send_after_the_peers_close_is_an_error<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            peer.send(peer.frames().close(1000, "")).await;
            ws.send("crosses").await.unwrap();
            assert!(matches!(
                ws.send("late").await,
                Err(ConnectionError::Send(SendError::Closed))
            ));
            peer.expect(OpCode::Text, "crosses").await;
            peer.expect_close(1000).await;
            peer.finish().await;
            assert_eq!(ws.recv().await.unwrap(), None);
            assert!(ws.outcome().unwrap().is_clean());
        });
    }
}

/// The peer breaks a rule: it gets the reason, nothing behind it is delivered, the error comes once.
///
/// Proves: R6455-7.1.7-a, R6455-7.1.7-b, R6455-7.1.7-c, X-api-2
pub fn broken_rule_is_told_to_both<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frames = peer.frames();
            let mut bytes = frames.text("good");
            bytes.extend(frames.frame(OpCode::Continuation, true, b"bad"));
            bytes.extend(frames.text("behind"));
            let script = async {
                peer.send(bytes).await;
                peer.expect_close(1002).await;
                peer.expect_end().await;
                peer.hang_up();
            };
            let receive = async {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("good")));
                assert!(matches!(ws.recv().await, Err(ConnectionError::Protocol(_))));
                for _ in 0..3 {
                    assert_eq!(ws.recv().await.unwrap(), None);
                    assert!(matches!(
                        ws.send("x").await,
                        Err(ConnectionError::Send(SendError::Closed))
                    ));
                }
                assert!(!ws.outcome().unwrap().is_clean());
            };
            join(receive, script).await;
        });
    }
}

/// A pong that cannot be written after our Close does not discard bytes that can be read.
///
/// Proves: R6455-5.5.1-l, R6455-5.5.2-a
pub fn late_pong_that_fails_does_not_end_the_reading<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            ws.flush().await.unwrap();
            peer.expect_close(1000).await;
            let frames = peer.frames();
            peer.send(
                [
                    frames.ping(b"?"),
                    frames.text("last words"),
                    frames.close(1000, ""),
                ]
                .concat(),
            )
            .await;
            peer.hang_up();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("last words")));
            assert_eq!(ws.recv().await.unwrap(), None);
            assert!(ws.outcome().unwrap().is_clean());
        });
    }
}
