//! A message that was begun and not ended is reported as incomplete, however the connection ends.

use std::io;
use std::time::Duration;

use wskit_driver::{ByteStream, ConnectionError, Shutdown, WebSocket};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{MessageKind, TimeoutKind};
use wskit_test::{Harness, Io, TimerOf, join, now, pause, run, run_timed, timer};

use super::byte_stream::read;
use crate::scene::{CAPACITY, ROLES, config, facing, pair, pattern};

const SECOND: Duration = Duration::from_secs(1);

fn shutdown<H: Harness>() -> Shutdown<TimerOf<H>> {
    Shutdown::with_timer(timer::<H>())
}

/// Reads all bytes and returns them with how the stream ended.
async fn read_to_end<H: Harness>(ws: WebSocket<Io<H>>) -> (Vec<u8>, io::Result<()>) {
    let mut stream = ByteStream::new(ws);
    let mut all = Vec::new();
    loop {
        match read(&mut stream, 1000).await {
            Ok(some) if some.is_empty() => return (all, Ok(())),
            Ok(some) => all.extend(some),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// With an ordinary code, with another, with none; after a fragment with bytes and after an empty one.
///
/// Proves: R6455-5.4-e
pub fn byte_stream_cut_by_a_close_is_an_unexpected_end<H: Harness>() {
    for role in ROLES {
        for close in [Some(1000), Some(1001), None] {
            for half in [&b"half"[..], b""] {
                run::<H>(async {
                    let (ws, mut peer, _) = facing::<H>(role, config());
                    let frames = peer.frames();
                    peer.send(frames.binary(b"whole, ")).await;
                    peer.send(frames.frame(OpCode::Binary, false, half)).await;
                    let close =
                        close.map_or_else(|| frames.close_empty(), |code| frames.close(code, ""));
                    peer.send(close).await;
                    peer.finish().await;
                    let (all, end) = read_to_end::<H>(ws).await;
                    assert_eq!(all, [b"whole, ", half].concat());
                    let error = end.expect_err("the transfer was cut");
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
                });
            }
        }
    }
}

/// The error is repeated when the stream is read again, and when our own Close came first.
///
/// Proves: R6455-5.4-e
pub fn byte_stream_that_was_cut_stays_cut<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            let frames = peer.frames();
            peer.send(frames.frame(OpCode::Binary, false, b"half"))
                .await;
            peer.send(frames.close(1000, "")).await;
            peer.finish().await;
            let mut stream = ByteStream::new(ws);
            assert_eq!(read(&mut stream, 100).await.unwrap(), b"half");
            for _ in 0..3 {
                let error = read(&mut stream, 100).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
            }
        });
    }
}

/// A sender that does not finish its message closes with 1011, which is not a clean end.
pub fn message_writer_that_is_dropped_cuts_the_stream_of_the_peer<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let pair = pair::<H>(config(), CAPACITY);
            let (near, far) = if role == wskit_proto::Role::Client {
                (pair.client, pair.server)
            } else {
                (pair.server, pair.client)
            };
            let send = async {
                let mut ws = near;
                let mut message = ws.begin(MessageKind::Binary).await.unwrap();
                message.write("half").await.unwrap();
                drop(message);
                while let Ok(Some(_)) = ws.recv().await {}
            };
            let ((), (all, end)) = join(send, read_to_end::<H>(far)).await;
            assert_eq!(all, b"half");
            assert!(end.is_err());
        });
    }
}

/// An owner that sends a message in pieces may finish it: its peer receives all of it, and then the end.
///
/// Proves: R6455-5.5.1-e, R6455-5.4-e
pub fn shutdown_waits_for_a_message_in_pieces<H: Harness>() {
    for role in ROLES {
        for flush in [false, true] {
            run::<H>(async {
                let pair = pair::<H>(config(), CAPACITY);
                let (mut near, far) = if role == wskit_proto::Role::Client {
                    (pair.client, pair.server)
                } else {
                    (pair.server, pair.client)
                };
                let shutdown = shutdown::<H>();
                near.track(&shutdown);
                let data = pattern(3000);
                let send = async {
                    let mut message = near.begin(MessageKind::Binary).await.unwrap();
                    for (at, piece) in data.chunks(1000).enumerate() {
                        if at == 1 {
                            shutdown.request();
                        }
                        message.write(piece).await.unwrap();
                        if flush {
                            message.flush().await.unwrap();
                        }
                        pause().await;
                    }
                    message.finish().await.unwrap();
                    assert_eq!(near.recv().await.unwrap(), None);
                };
                let ((), (all, end)) = join(send, read_to_end::<H>(far)).await;
                assert!(all == data, "{} bytes of {}", all.len(), data.len());
                end.unwrap();
                let report = shutdown.finish(SECOND).await.unwrap();
                assert_eq!((report.clean, report.total()), (1, 1));
            });
        }
    }
}

/// A writer may finish its message too, with a waiting reader that would close at once and with none.
///
/// Proves: R6455-5.5.1-e, R6455-5.4-e
pub fn shutdown_waits_for_a_message_in_pieces_of_a_writer<H: Harness>() {
    for role in ROLES {
        for (with_reader, flush) in [(true, false), (true, true), (false, true)] {
            run::<H>(async {
                let pair = pair::<H>(config(), CAPACITY);
                let (mut near, far) = if role == wskit_proto::Role::Client {
                    (pair.client, pair.server)
                } else {
                    (pair.server, pair.client)
                };
                let shutdown = shutdown::<H>();
                near.track(&shutdown);
                let (mut reader, writer) = near.split();
                let data = pattern(3000);
                let send = async {
                    let mut message = writer.begin(MessageKind::Binary).await.unwrap();
                    for (at, piece) in data.chunks(1000).enumerate() {
                        if at == 1 {
                            shutdown.request();
                        }
                        message.write(piece).await.unwrap();
                        if flush {
                            message.flush().await.unwrap();
                        }
                        // The reader learns of it meanwhile.
                        pause().await;
                        pause().await;
                    }
                    message.finish().await.unwrap();
                    if !with_reader {
                        // Some call has to wait.
                        let outcome = writer.close(CloseCode::NORMAL, "").await;
                        assert!(outcome.unwrap().is_clean());
                    }
                };
                let receive = async {
                    if with_reader {
                        assert_eq!(reader.recv().await.unwrap(), None);
                    } else {
                        drop(reader);
                    }
                };
                let (((), ()), (all, end)) = join(join(send, receive), read_to_end::<H>(far)).await;
                assert!(all == data, "{} bytes of {}", all.len(), data.len());
                end.unwrap();
                let report = shutdown.finish(SECOND).await.unwrap();
                assert_eq!((report.clean, report.total()), (1, 1));
            });
        }
    }
}

/// A shutdown does not wait for it beyond its own deadline.
///
/// Proves: X-io-2
pub fn shutdown_gives_up_a_message_that_is_not_finished<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config().close_timeout(SECOND * 60));
            let shutdown = shutdown::<H>();
            ws.track(&shutdown);
            let start = now::<H>();
            let (mut reader, writer) = ws.split();
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write("half").await.unwrap();
            message.flush().await.unwrap();
            peer.expect_part(OpCode::Binary, "half").await;
            let receive = async {
                let error = reader.recv().await.unwrap_err();
                assert!(
                    matches!(error, ConnectionError::Timeout(TimeoutKind::Close)),
                    "{error:?}"
                );
            };
            let finish = async {
                let report = shutdown.finish(SECOND * 2).await.unwrap();
                assert_eq!((report.timed_out, report.total()), (1, 1), "{report}");
            };
            join(receive, finish).await;
            let passed = now::<H>() - start;
            assert!(passed >= SECOND * 2 && passed < SECOND * 3, "{passed:?}");
            assert!(message.write("more").await.unwrap_err().is_closed());
        });
    }
}

/// However the end comes and however messages are received: a message of the peer's that was begun and
/// not ended is in the outcome.
///
/// Proves: R6455-5.4-e, R6455-7.1.4-a
pub fn outcome_tells_of_a_message_that_was_cut<H: Harness>() {
    for role in ROLES {
        for way in 0..5 {
            for (begun, closes) in [(true, true), (true, false), (false, true), (false, false)] {
                run::<H>(async {
                    let (mut ws, mut peer, _) = facing::<H>(role, config());
                    let frames = peer.frames();
                    peer.send(frames.text("whole")).await;
                    if begun {
                        peer.send(frames.frame(OpCode::Text, false, b"half")).await;
                    }
                    if closes {
                        peer.send(frames.close(1000, "")).await;
                    }
                    peer.finish().await;
                    let outcome = match way {
                        0 => {
                            while let Ok(Some(_)) = ws.recv().await {}
                            ws.outcome()
                        }
                        1 => {
                            while let Ok(Some(_)) = ws.recv_ref().await {}
                            ws.outcome()
                        }
                        2 => {
                            while let Ok(Some(_)) = ws.recv_piece().await {}
                            ws.outcome()
                        }
                        3 => {
                            let (mut reader, writer) = ws.split();
                            while let Ok(Some(_)) = reader.recv().await {}
                            writer.outcome()
                        }
                        _ => ws.close(CloseCode::NORMAL, "").await.ok(),
                    };
                    let outcome = outcome.expect("it is over");
                    assert_eq!(
                        outcome.mid_message, begun,
                        "{role:?}, way {way}: {outcome:?}"
                    );
                    assert_eq!(outcome.is_clean(), closes, "{role:?}, way {way}");
                });
            }
        }
    }
}

/// A frame that was cut inside is a message that was cut.
///
/// Proves: R6455-7.1.4-a
pub fn outcome_tells_of_a_frame_that_was_cut<H: Harness>() {
    for role in ROLES {
        for (cut, begun) in [(0, false), (1, true), (7, true)] {
            run::<H>(async {
                let (mut ws, mut peer, _) = facing::<H>(role, config());
                let frame = peer.frames().text("a message");
                peer.send(&frame[..cut]).await;
                peer.finish().await;
                assert!(ws.recv().await.is_err());
                let outcome = ws.outcome().expect("it is over");
                assert_eq!(outcome.mid_message, begun, "{role:?}, {cut}: {outcome:?}");
            });
        }
    }
}
