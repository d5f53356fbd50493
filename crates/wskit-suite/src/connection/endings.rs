//! The transport ends or fails at every byte of a session.

use bytes::Bytes;
use wskit_driver::{ConnectionError, WebSocket};
use wskit_proto::{Cause, Message, Role};
use wskit_test::{Faults, Frames, Harness, Io, Script, join, opposite, pipe, run, wrap};

use crate::scene::{ROLES, config, facing, pattern};

/// How the peer ends the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    End,
    /// By an error, as TLS libraries report the end of a stream without a `close_notify`.
    AbruptEnd,
    Reset,
}

/// Proves: R6455-7.2.1-a, R6455-7.1.4-a, R6455-7.1.5-a, X-io-5, X-api-2
pub fn end_of_stream_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::End, false);
}

/// Proves: R6455-7.2.1-a, R6455-7.1.4-a, X-io-5, X-api-2
pub fn reset_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::Reset, false);
}

/// Proves: R6455-7.2.1-a, X-io-5
pub fn split_end_of_stream_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::End, true);
}

/// Proves: R6455-7.2.1-a, X-io-5
pub fn split_reset_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::Reset, true);
}

/// A process that is killed sends no `close_notify`. That is the end of the stream, not a failure of
/// the transport.
///
/// Proves: R6455-7.2.1-a, R6455-7.1.5-a, X-io-5
pub fn abrupt_end_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::AbruptEnd, false);
}

/// Proves: R6455-7.2.1-a, X-io-5
pub fn split_abrupt_end_at_every_byte_is_told_once<H: Harness>() {
    every_byte::<H>(Gone::AbruptEnd, true);
}

fn session(frames: Frames) -> Vec<u8> {
    let mut bytes = frames.text("one");
    bytes.extend(frames.ping(b"p"));
    bytes.extend(frames.fragments(&["tw", "o"]));
    bytes.extend(frames.binary(&pattern(200)));
    bytes.extend(frames.close(1000, "bye"));
    bytes
}

fn expected() -> Vec<Message> {
    vec![
        Message::text("one"),
        Message::text("two"),
        Message::binary(pattern(200)),
    ]
}

fn every_byte<H: Harness>(gone: Gone, split: bool) {
    for role in ROLES {
        let session = session(Frames::to(role));
        for cut in 0..=session.len() {
            run::<H>(async {
                let (ws, mut peer, probe) = facing::<H>(role, config());
                let session = &session;
                if gone == Gone::AbruptEnd {
                    probe.set_faults(Faults::abrupt_end());
                }
                let script = async {
                    peer.send(&session[..cut]).await;
                    match gone {
                        Gone::End | Gone::AbruptEnd => peer.finish().await,
                        Gone::Reset => peer.probe().reset(),
                    }
                    // Keeps the other end able to write.
                    let _ = peer.read().await;
                };
                let (told, ()) = join(
                    async {
                        if split {
                            receive_split::<H>(ws).await
                        } else {
                            receive::<H>(ws).await
                        }
                    },
                    script,
                )
                .await;
                assert!(probe.is_dropped());
                let (messages, error, cause) = told;
                assert!(
                    expected().starts_with(&messages),
                    "cut at {cut}: {messages:?}"
                );
                let whole = cut == session.len();
                match (gone, whole, &error) {
                    (_, true, None) => assert_eq!(cause, Cause::Closed),
                    (
                        Gone::End | Gone::AbruptEnd,
                        false,
                        Some(ConnectionError::Disconnected { mid_message: _ }),
                    ) => {
                        assert_eq!(cause, Cause::Disconnected);
                    }
                    (Gone::Reset, _, Some(ConnectionError::Io(error))) => {
                        assert_eq!(cause, Cause::Transport(error.kind()));
                    }
                    _ => panic!(
                        "{role:?}, {gone:?} after {cut} of {} bytes: {error:?}",
                        session.len()
                    ),
                }
            });
        }
    }
}

type Told = (Vec<Message>, Option<ConnectionError>, Cause);

async fn receive<H: Harness>(mut ws: WebSocket<Io<H>>) -> Told {
    let mut messages = Vec::new();
    let error = loop {
        match ws.recv().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    for _ in 0..3 {
        assert!(matches!(ws.recv().await, Ok(None)));
        assert!(matches!(ws.recv_ref().await, Ok(None)));
        assert!(matches!(ws.recv_event().await, Ok(None)));
        assert!(matches!(ws.recv_piece().await, Ok(None)));
        assert!(ws.send("x").await.unwrap_err().is_closed());
    }
    let cause = ws.outcome().expect("an outcome at the end").cause;
    let closed = ws.close(wskit_frame::CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(closed.cause, cause);
    (messages, error, cause)
}

async fn receive_split<H: Harness>(ws: WebSocket<Io<H>>) -> Told {
    let (mut reader, writer) = ws.split();
    let mut messages = Vec::new();
    let error = loop {
        match reader.recv().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    for _ in 0..3 {
        assert!(matches!(reader.recv().await, Ok(None)));
        assert!(writer.send("x").await.unwrap_err().is_closed());
    }
    let cause = writer.outcome().expect("an outcome at the end").cause;
    let closed = writer
        .close(wskit_frame::CloseCode::NORMAL, "")
        .await
        .unwrap();
    assert_eq!(closed.cause, cause);
    (messages, error, cause)
}

/// A cut inside a message is distinguished from a cut between messages.
pub fn cut_message_is_told_as_such<H: Harness>() {
    for (cut, mid_message) in [(0, false), (5, false), (6, true), (8, true)] {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(Role::Client, config());
            let mut bytes = peer.frames().text("one");
            bytes.extend(peer.frames().text("two"));
            peer.send(&bytes[..cut]).await;
            peer.finish().await;
            if cut >= 5 {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
            }
            let error = ws.recv().await.unwrap_err();
            assert!(
                matches!(error, ConnectionError::Disconnected { mid_message: told } if told == mid_message),
                "{cut}: {error}"
            );
        });
    }
}

/// A send reports the end as an error once, and later sends report that the connection is closed.
pub fn sender_learns_of_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            peer.hang_up();
            let mut told = 0;
            for _ in 0..5 {
                match ws.send("x").await {
                    Ok(()) => assert_eq!(told, 0),
                    Err(error) if error.is_disconnect() => told += 1,
                    Err(error) => assert!(error.is_closed() && told == 1, "{error:?}"),
                }
            }
            assert_eq!(told, 1);
            assert!(matches!(ws.recv().await, Ok(None)));
        });
    }
}

/// The peer sends a Close and disconnects; a send that fails afterwards does not discard the Close.
///
/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_outlive_a_failed_send<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            peer.send(peer.frames().close(4000, "kicked")).await;
            peer.hang_up();
            assert!(ws.send("x").await.unwrap_err().is_disconnect());
            assert!(matches!(ws.recv().await, Ok(None)));
            let outcome = ws.outcome().unwrap();
            assert_eq!((outcome.code().get(), outcome.reason()), (4000, "kicked"));
            assert!(!outcome.is_clean(), "our Close did not get through");
        });
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            peer.send(peer.frames().text("last words")).await;
            peer.hang_up();
            assert!(ws.send("x").await.unwrap_err().is_disconnect());
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("last words")));
            assert!(matches!(ws.recv().await, Ok(None)));
            assert_eq!(ws.outcome().unwrap().code().get(), 1006);
        });
    }
}

/// Bytes that came with the handshake, cut anywhere, are the start of the frames.
///
/// Proves: R6455-4.1-ag, R6455-4.2.2-p
pub fn leftover_at_every_byte_is_read_first<H: Harness>() {
    for role in ROLES {
        let session = session(Frames::to(role));
        for cut in 0..=session.len() {
            run::<H>(async {
                let (near, far) = pipe(1000);
                let mut peer = Script::new(far, opposite(role));
                let leftover = Bytes::copy_from_slice(&session[..cut]);
                let mut ws = WebSocket::from_parts(wrap::<H>(near), role, leftover, config());
                peer.send(&session[cut..]).await;
                peer.finish().await;
                for message in expected() {
                    assert_eq!(ws.recv().await.unwrap(), Some(message));
                }
                assert_eq!(ws.recv().await.unwrap(), None);
                assert!(ws.outcome().unwrap().is_clean());
            });
        }
    }
}
