//! Messages that the peer sent before it disconnected are received, although a write has failed.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_sink::Sink;
use wskit_driver::{ByteStream, ConnectionError, LaneConfig, Reader, Transport, WebSocket};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Cause, Message, MessageKind, Outcome};
use wskit_test::{
    Fault, Faults, Frame, Harness, Io, Script, join, now, pause, run, run_timed, sleep,
};

use crate::scene::{ROLES, config, facing, facing_through, pattern};
use crate::streams::byte_stream::{flush, read, write_all};

const SECOND: Duration = Duration::from_secs(1);

/// How the peer disconnects, after three messages and a Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    HungUp,
    Reset,
}

fn words() -> Vec<Message> {
    ["one", "two", "three"].map(Message::text).to_vec()
}

async fn say(peer: &mut Script, gone: Gone) {
    for word in ["one", "two", "three"] {
        peer.send(peer.frames().text(word)).await;
    }
    peer.send(peer.frames().close(1008, "not you")).await;
    match gone {
        Gone::HungUp => peer.hang_up(),
        Gone::Reset => peer.probe().reset(),
    }
}

/// Runs `test` with a connection of each role whose peer sends its last messages and disconnects.
///
/// The test returns what it has received. The send or a receive may report an unclean end, but the
/// peer's Close is in the outcome.
fn after<H: Harness>(test: impl AsyncFn(WebSocket<Io<H>>) -> (Vec<Message>, Option<Outcome>)) {
    for role in ROLES {
        for gone in [Gone::HungUp, Gone::Reset] {
            run::<H>(async {
                let (ws, mut peer, _) = facing::<H>(role, config());
                say(&mut peer, gone).await;
                let (messages, outcome) = test(ws).await;
                assert_eq!(messages, words(), "{role:?}, {gone:?}");
                let outcome = outcome.expect("it is over");
                assert_eq!(
                    (outcome.code().get(), outcome.reason()),
                    (1008, "not you"),
                    "{role:?}, {gone:?}: {outcome:?}"
                );
            });
        }
    }
}

/// Receives all messages. The end is reported at most twice, as an error and as `None`.
macro_rules! receive_all {
    ($receiver:expr, $messages:expr) => {{
        let mut errors = 0;
        loop {
            match $receiver.recv().await {
                Ok(Some(message)) => $messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    errors += 1;
                    assert!(errors == 1, "returned again: {error:?}");
                }
            }
        }
    }};
}

async fn read_on<T: Transport>(mut reader: Reader<T>) -> (Vec<Message>, Option<Outcome>) {
    let mut messages = Vec::new();
    receive_all!(reader, messages);
    (messages, reader.outcome())
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_are_received_after_two_sends<H: Harness>() {
    after::<H>(async |mut ws| {
        let _ = ws.send("x").await;
        assert!(ws.send("y").await.is_err());
        let mut messages = Vec::new();
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
    after::<H>(async |mut ws| {
        let _ = ws.feed("x").await;
        let _ = ws.flush().await;
        assert!(ws.ping(b"y").await.is_err());
        let mut messages = Vec::new();
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_are_received_around_two_sends<H: Harness>() {
    after::<H>(async |mut ws| {
        let mut messages = vec![ws.recv().await.unwrap().unwrap()];
        let _ = ws.send("x").await;
        let _ = ws.send("y").await;
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
    after::<H>(async |mut ws| {
        let mut messages = Vec::new();
        for _ in 0..2 {
            messages.push(ws.recv().await.unwrap().unwrap());
            let _ = ws.send("x").await;
        }
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_are_received_after_a_message_in_pieces<H: Harness>() {
    after::<H>(async |mut ws| {
        if let Ok(mut message) = ws.begin(MessageKind::Text).await {
            let _ = message.write("x").await;
            let _ = message.flush().await;
            let _ = message.finish().await;
        }
        let mut messages = Vec::new();
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        if let Ok(mut message) = writer.begin(MessageKind::Text).await {
            let _ = message.write("x").await;
            let _ = message.flush().await;
            let _ = message.finish().await;
        }
        read_on(reader).await
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_reach_the_sink_of_a_connection<H: Harness>() {
    after::<H>(async |mut ws| {
        for _ in 0..2 {
            let _ = poll_fn(|cx| Pin::new(&mut ws).poll_ready(cx)).await;
            let _ = Pin::new(&mut ws).start_send(Message::text("x"));
            let _ = poll_fn(|cx| Sink::poll_flush(Pin::new(&mut ws), cx)).await;
        }
        let mut messages = Vec::new();
        receive_all!(ws, messages);
        (messages, ws.outcome())
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_reach_the_reader_after_a_failed_write<H: Harness>() {
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        let _ = writer.send("x").await;
        assert!(writer.send("y").await.is_err());
        read_on(reader).await
    });
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        writer.feed("x").await.unwrap();
        let _ = writer.flush().await;
        assert!(writer.ping(b"y").await.is_err());
        read_on(reader).await
    });
    after::<H>(async |ws| {
        let (reader, mut writer) = ws.split();
        for _ in 0..2 {
            let _ = poll_fn(|cx| Pin::new(&mut writer).poll_ready(cx)).await;
            let _ = Pin::new(&mut writer).start_send(Message::text("x"));
            let _ = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await;
        }
        read_on(reader).await
    });
    // A queue over its mark is written before there is room.
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        let full = pattern(1 << 19);
        let _ = writer.feed(&full).await;
        assert!(writer.feed("y").await.is_err());
        read_on(reader).await
    });
    after::<H>(async |ws| {
        let (reader, mut writer) = ws.split();
        let full = pattern(1 << 19);
        let _ = writer.feed(&full).await;
        let _ = poll_fn(|cx| Pin::new(&mut writer).poll_ready(cx)).await;
        read_on(reader).await
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_reach_the_reader_beside_a_writer<H: Harness>() {
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        let send = async {
            let _ = writer.send("x").await;
            pause().await;
            let _ = writer.send("y").await;
        };
        let ((), read) = join(send, read_on(reader)).await;
        read
    });
}

/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn last_words_reach_the_reader_after_a_lane<H: Harness>() {
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new());
        let _ = lane.push("x");
        let _ = lane.push("y");
        let _ = lane.flush().await;
        read_on(reader).await
    });
    after::<H>(async |ws| {
        let (reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new());
        let _ = lane.send("x").await;
        assert!(lane.send("y").await.is_err());
        read_on(reader).await
    });
}

/// After the reader was dropped its messages are lost; the Close is not.
///
/// Proves: R6455-7.1.5-a, R6455-7.1.6-a
pub fn writer_without_a_reader_learns_why_the_peer_went<H: Harness>() {
    for role in ROLES {
        for gone in [Gone::HungUp, Gone::Reset] {
            run::<H>(async {
                let (ws, mut peer, _) = facing::<H>(role, config());
                say(&mut peer, gone).await;
                let (reader, writer) = ws.split();
                drop(reader);
                let _ = writer.send("x").await;
                let _ = writer.send("y").await;
                let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
                assert_eq!(outcome.code().get(), 1008, "{role:?}, {gone:?}");
            });
        }
    }
}

/// A transfer that arrived whole is complete, although a write failed meanwhile.
pub fn bytes_before_the_end_outlive_a_failed_write<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            for word in [&b"one"[..], b"two", b"three"] {
                peer.send(peer.frames().binary(word)).await;
            }
            peer.send(peer.frames().close(1000, "")).await;
            peer.hang_up();
            let mut stream = ByteStream::new(ws);
            for _ in 0..2 {
                let _ = write_all(&mut stream, b"x").await;
                let _ = flush(&mut stream).await;
            }
            let mut all = Vec::new();
            while let Ok(some) = read(&mut stream, 100).await {
                if some.is_empty() {
                    break;
                }
                all.extend(some);
            }
            assert_eq!(all, b"onetwothree", "{role:?}");
            assert_eq!(stream.get_ref().outcome().unwrap().code().get(), 1000);
        });
    }
}

/// A failed write ends sending, not receiving: messages that still come are delivered until the peer
/// ends the stream or the close deadline passes.
///
/// Proves: R6455-7.1.5-a, X-io-2
pub fn failed_write_leaves_the_reading_until_the_close_deadline<H: Harness>() {
    for role in ROLES {
        for split in [false, true] {
            for says_why in [false, true] {
                run_timed::<H>(async {
                    let (mut ws, mut peer, probe) = facing::<H>(role, config());
                    probe.set_faults(Faults::at(Fault::ZeroWrite, 0));
                    let start = now::<H>();
                    let script = async {
                        sleep::<H>(SECOND).await;
                        // It fails if the connection was dropped, which the received messages show.
                        let _ = peer.try_send(peer.frames().text("late")).await;
                        if says_why {
                            let _ = peer.try_send(peer.frames().close(1008, "not you")).await;
                            peer.finish().await;
                        }
                    };
                    let own = async {
                        let mut messages = Vec::new();
                        let outcome = if split {
                            let (mut reader, writer) = ws.split();
                            assert!(writer.send("x").await.is_err());
                            assert!(writer.send("y").await.unwrap_err().is_closed());
                            receive_all!(reader, messages);
                            reader.outcome()
                        } else {
                            assert!(ws.send("x").await.is_err());
                            assert!(ws.send("y").await.unwrap_err().is_closed());
                            receive_all!(ws, messages);
                            ws.outcome()
                        };
                        (messages, outcome.expect("it is over"))
                    };
                    let ((messages, outcome), ()) = join(own, script).await;
                    assert_eq!(
                        messages,
                        [Message::text("late")],
                        "{role:?}, split: {split}"
                    );
                    let passed = now::<H>() - start;
                    if says_why {
                        assert_eq!(outcome.code().get(), 1008);
                        assert!(passed < SECOND * 2, "{passed:?}");
                    } else {
                        assert_eq!(outcome.code().get(), 1006);
                        assert!(
                            passed >= SECOND * 5 && passed < SECOND * 6,
                            "{passed:?} until the peer was given up"
                        );
                    }
                });
            }
        }
    }
}

/// Three messages and the end of the stream in one segment: the answers are written before the end is
/// reported.
///
/// Proves: R6455-7.1.4-a
pub fn answers_are_written_before_the_end_is_told<H: Harness>() {
    for role in ROLES {
        for way in 0..6 {
            run::<H>(async {
                let (mut ws, mut peer, _) = facing::<H>(role, config());
                let three = [
                    peer.frames().text("one"),
                    peer.frames().text("two"),
                    peer.frames().text("three"),
                ];
                peer.send(three.concat()).await;
                peer.finish().await;
                let answer = async {
                    let mut told = 0;
                    loop {
                        let answered = match way {
                            0 => match ws.recv_ref().await {
                                Ok(Some((message, out))) => {
                                    out.feed(message).unwrap();
                                    Ok(true)
                                }
                                Ok(None) => Ok(false),
                                Err(error) => Err(error),
                            },
                            1 | 2 => match ws.recv().await {
                                Ok(Some(message)) if way == 1 => {
                                    ws.feed(message).await.map(|()| true)
                                }
                                Ok(Some(message)) => ws.send(message).await.map(|()| true),
                                Ok(None) => Ok(false),
                                Err(error) => Err(error),
                            },
                            _ => break,
                        };
                        match answered {
                            Ok(true) => {}
                            Ok(false) => break,
                            Err(error) => {
                                assert!(
                                    matches!(error, ConnectionError::Disconnected { .. }),
                                    "{error:?}"
                                );
                                told += 1;
                            }
                        }
                    }
                    if way < 3 {
                        assert_eq!(told, 1);
                        assert_eq!(ws.outcome().unwrap().cause, Cause::Disconnected);
                        return;
                    }
                    let (mut reader, writer) = ws.split();
                    let mut lane = writer.lane(LaneConfig::new());
                    let error = loop {
                        match reader.recv().await {
                            Ok(Some(message)) => match way {
                                3 => writer.feed(message).await.unwrap(),
                                4 => writer.send(message).await.unwrap(),
                                _ => lane.feed(message).await.unwrap(),
                            },
                            Ok(None) => panic!("an ending that is not clean is an error first"),
                            Err(error) => break error,
                        }
                    };
                    assert!(
                        matches!(error, ConnectionError::Disconnected { .. }),
                        "{error:?}"
                    );
                };
                let ((), rest) = join(answer, peer.rest()).await;
                let expected = ["one", "two", "three"].map(|word| Frame::new(OpCode::Text, word));
                assert_eq!(
                    Frame::parse_all(role, &rest),
                    expected,
                    "{role:?}, way {way}"
                );
            });
        }
    }
}

/// A peer that has ended its side and does not read does not delay the end.
pub fn answers_that_cannot_leave_do_not_hold_the_end_up<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, probe) = facing_through::<H>(role, config(), 100);
            peer.send(peer.frames().text("one")).await;
            peer.finish().await;
            let (message, out) = ws.recv_ref().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), b"one");
            out.feed(pattern(10_000)).unwrap();
            let told = ws.recv_ref().await.err();
            assert!(
                matches!(told, Some(ConnectionError::Disconnected { .. })),
                "{told:?}"
            );
            assert!(matches!(ws.recv().await, Ok(None)));
            // The start of the answer.
            assert_eq!(probe.written().len(), 100);
        });
    }
}
