//! Lanes and the rest of a connection: its reader, its closing, messages in pieces, permits.

use std::time::Duration;

use wskit_driver::{LaneConfig, Priority};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Message, MessageKind, Role, SendError, State};
use wskit_test::{Frame, Harness, join, now, once, pause, run, run_timed, sleep};

use super::lanes::{PIPE, fill, halves, narrow, numbered, order};
use crate::scene::{ROLES, config, facing, facing_through};

const SECOND: Duration = Duration::from_secs(1);

/// A Close of ours goes after what waits in lanes; one of the peer's ends them.
///
/// Proves: R6455-5.5.1-e
pub fn own_close_goes_after_what_waits<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new());
            fill::<H>(&mut lane, b'l', 50);
            assert!(writer.start_close(CloseCode::NO_STATUS, "").is_err());
            assert!(lane.buffered().messages > 0, "nothing was closed");
            writer.start_close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(lane.push("late"), Err(SendError::Closed));
            let script = async {
                for number in 0..50 {
                    peer.expect(OpCode::Binary, numbered(b'l', number)).await;
                }
                peer.expect_close(1000).await;
            };
            let (flushed, ()) = join(writer.flush(), script).await;
            flushed.unwrap();
            assert_eq!(lane.dropped(), 0);
        });
        run::<H>(async {
            let (mut reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new());
            fill::<H>(&mut lane, b'l', 50);
            let waiting = lane.buffered().messages as u64;
            peer.send(peer.frames().close(1000, "")).await;
            assert!(once(reader.recv()).await.is_none());
            assert!(lane.flush().await.unwrap_err().is_closed());
            assert_eq!(lane.dropped(), waiting);
            assert!(waiting > 0);
        });
    }
}

/// A waiting reader is woken to write fed messages and those that a push could not write.
pub fn waiting_reader_writes_for_lanes<H: Harness>() {
    for role in ROLES {
        for push in [false, true] {
            run::<H>(async {
                let (mut reader, writer, mut peer, _) = halves::<H>(role);
                let mut lane = writer.lane(LaneConfig::new());
                let talk = async {
                    pause().await;
                    if push {
                        fill::<H>(&mut lane, b'l', 50);
                    } else {
                        for number in 0..50 {
                            lane.feed(numbered(b'l', number)).await.unwrap();
                        }
                    }
                    for number in 0..50 {
                        peer.expect(OpCode::Binary, numbered(b'l', number)).await;
                    }
                    peer.send(peer.frames().text("all there")).await;
                };
                let (received, ()) = join(reader.recv(), talk).await;
                assert_eq!(received.unwrap(), Some(Message::text("all there")));
            });
        }
    }
}

/// Lanes wait while another sends a message in pieces, and go on by themselves after it.
///
/// Proves: R6455-5.4-g
pub fn lanes_wait_for_a_message_in_pieces<H: Harness>() {
    for role in ROLES {
        for finish in [true, false] {
            run::<H>(async {
                let (mut reader, writer, mut peer, _) = halves::<H>(role);
                let mut lane = writer.lane(LaneConfig::new().priority(Priority::Urgent));
                let talk = async {
                    let mut message = writer.begin(MessageKind::Text).await.unwrap();
                    if finish {
                        message.write("a").await.unwrap();
                    }
                    lane.push("lane").unwrap();
                    assert_eq!(lane.buffered().messages, 1);
                    for _ in 0..5 {
                        pause().await;
                    }
                    if finish {
                        message.finish().await.unwrap();
                        peer.expect_part(OpCode::Text, "a").await;
                        peer.expect(OpCode::Continuation, "").await;
                    } else {
                        drop(message);
                    }
                    peer.expect(OpCode::Text, "lane").await;
                    peer.send(peer.frames().text("done")).await;
                };
                let (received, ()) = join(reader.recv(), talk).await;
                assert_eq!(received.unwrap(), Some(Message::text("done")));
            });
        }
    }
}

/// A permit guarantees room, whatever waits in lanes. While it is held, lanes go on.
pub fn permits_and_lanes_do_not_meet<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) =
            facing_through::<H>(Role::Client, config().write_high_water(16 << 10), PIPE);
        let (_reader, writer) = ws.split();
        let permit = writer.reserve().await.unwrap();
        let mut lane = writer.lane(LaneConfig::new());
        fill::<H>(&mut lane, b'l', 100);
        permit.send(numbered(b'p', 0));
        let (flushed, order) = join(lane.flush(), order(&mut peer, 101)).await;
        flushed.unwrap();
        let at = order.iter().position(|who| *who == b'p').unwrap();
        assert!(at < 99, "behind all");
    });
}

/// Messages in a dropped lane are still sent, and its slot is used by the next lane.
pub fn dropped_lane_leaves_nothing_behind<H: Harness>() {
    run::<H>(async {
        let (_reader, writer, mut peer, _) = halves::<H>(Role::Server);
        let mut first = writer.lane(LaneConfig::new());
        fill::<H>(&mut first, 1, 30);
        drop(first);
        assert!(writer.buffered().messages > 0);
        let mut second = writer.lane(LaneConfig::new());
        fill::<H>(&mut second, 2, 1);
        let order = async {
            let order = order(&mut peer, 31).await;
            let last = order.iter().position(|who| *who == 2);
            assert!(last.is_some_and(|at| at < 30), "{order:?}");
        };
        let flush = async {
            // Any call that waits writes the others.
            writer
                .lane(LaneConfig::new().priority(Priority::Bulk))
                .send("x")
                .await
                .unwrap();
        };
        join(flush, order).await;
        peer.expect(OpCode::Text, "x").await;
        second.push("y").unwrap();
        peer.expect(OpCode::Text, "y").await;
        assert_eq!((second.dropped(), second.buffered().messages), (0, 0));
    });
}

/// With the reader gone a lane reads in its place: pings are answered, by pushes too.
///
/// Proves: R6455-5.5.2-b
pub fn lanes_read_when_the_reader_is_gone<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (reader, writer, mut peer, _) = halves::<H>(role);
            drop(reader);
            let mut lane = writer.lane(LaneConfig::new());
            peer.send(peer.frames().ping(b"1")).await;
            lane.push("pushed").unwrap();
            lane.push("pushed").unwrap();
            let mut opcodes = Vec::new();
            for _ in 0..3 {
                opcodes.push(peer.frame().await.opcode);
            }
            assert!(opcodes.contains(&OpCode::Pong), "{opcodes:?}");
            fill::<H>(&mut lane, b'l', 50);
            let script = async {
                peer.send(peer.frames().text("thrown away")).await;
                peer.send(peer.frames().ping(b"2")).await;
                let mut frames: Vec<Frame> = Vec::new();
                for _ in 0..51 {
                    frames.push(peer.frame().await);
                }
                assert!(
                    frames.contains(&Frame::new(OpCode::Pong, "2")),
                    "{frames:?}"
                );
                peer.expect(OpCode::Binary, numbered(b'l', 50)).await;
            };
            let (sent, ()) = join(lane.send(numbered(b'l', 50)), script).await;
            sent.unwrap();
        });
    }
}

/// A refused Close encodes no lane messages: a later urgent message still goes first.
///
/// Proves: R6455-5.5-a
pub fn refused_close_moves_no_lane<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let mut bulk = writer.lane(LaneConfig::new().priority(Priority::Bulk));
            fill::<H>(&mut bulk, b'b', 50);
            let (waiting, queued) = (bulk.buffered(), writer.queued());
            assert!(waiting.messages > 30);
            for (code, reason) in [
                (CloseCode::NO_STATUS, String::new()),
                (CloseCode::NORMAL, "r".repeat(124)),
            ] {
                assert!(writer.start_close(code, reason.as_str()).is_err());
                assert!(writer.close(code, reason.as_str()).await.is_err());
                assert_eq!((bulk.buffered(), writer.queued()), (waiting, queued));
            }
            let mut urgent = writer.lane(LaneConfig::new().priority(Priority::Urgent));
            fill::<H>(&mut urgent, b'u', 1);
            let (flushed, order) = join(bulk.flush(), order(&mut peer, 51)).await;
            flushed.unwrap();
            let at = order.iter().position(|who| *who == b'u');
            let ahead = 50 - waiting.messages;
            assert!(at.is_some_and(|at| at <= ahead + 1), "{at:?} of {ahead}");
        });
    }
}

/// A peer that takes nothing for longer than the idle timeout: messages wait, so nothing is idle. Once
/// they are through, it is.
///
/// Proves: X-io-2
pub fn idle_timeout_waits_for_the_lanes<H: Harness>() {
    for role in ROLES {
        for with_reader in [true, false] {
            run_timed::<H>(async {
                let config = narrow().idle_timeout(Some(SECOND * 60));
                let (ws, mut peer, _) = facing_through::<H>(role, config, PIPE);
                let (mut reader, writer) = ws.split();
                let mut lane = writer.lane(LaneConfig::new());
                fill::<H>(&mut lane, b'l', 50);
                let own = async {
                    if with_reader {
                        let _ = reader.recv().await;
                    } else {
                        drop(reader);
                        lane.flush().await.unwrap();
                        // Some call has to poll the connection.
                        for _ in 0..20 {
                            sleep::<H>(SECOND * 10).await;
                            let _ = writer.flush().await;
                        }
                    }
                };
                let script = async {
                    sleep::<H>(SECOND * 100).await;
                    assert_eq!(writer.state(), State::Open, "messages wait");
                    for number in 0..50 {
                        peer.expect(OpCode::Binary, numbered(b'l', number)).await;
                    }
                    let start = now::<H>();
                    peer.expect_close(1001).await;
                    let passed = now::<H>() - start;
                    assert!(passed >= SECOND * 40, "{passed:?}");
                    peer.send(peer.frames().close(1001, "")).await;
                    peer.finish().await;
                };
                join(own, script).await;
                assert!(writer.outcome().is_none_or(|outcome| outcome.is_clean()));
            });
        }
    }
}

/// No message may go into one that was not finished (§5.4): what waits in lanes ends with it.
///
/// Proves: R6455-5.4-g
pub fn unfinished_message_lets_no_lane_go_before_its_close<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new());
            let mut message = writer.begin(MessageKind::Text).await.unwrap();
            message.write("half").await.unwrap();
            fill::<H>(&mut lane, b'l', 10);
            drop(message);
            let script = async {
                peer.expect_part(OpCode::Text, "half").await;
                peer.expect_close(1011).await;
                peer.send(peer.frames().close(1011, "")).await;
                peer.finish().await;
            };
            let (end, ()) = join(reader.recv(), script).await;
            assert_eq!(end.unwrap(), None);
            assert!(lane.flush().await.unwrap_err().is_closed());
            assert_eq!(lane.dropped(), 10);
        });
        // A message that was begun without a piece does not count.
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new());
            drop(writer.begin(MessageKind::Text).await.unwrap());
            fill::<H>(&mut lane, b'l', 1);
            peer.expect(OpCode::Binary, numbered(b'l', 0)).await;
        });
    }
}

/// A message that was begun before the split stays open: what waits in the lanes cannot go before the Close,
/// and is counted as dropped. The halves cannot meet while it waits.
pub fn message_begun_before_the_split_drops_what_waits_in_lanes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            peer.send(peer.frames().text("in")).await;
            let (_, out) = ws.recv_ref().await.unwrap().unwrap();
            out.begin(MessageKind::Text).unwrap();
            let (reader, writer) = ws.split();
            fill::<H>(&mut writer.lane(LaneConfig::new()), b'd', 1);
            let (mut reader, writer) = reader.reunite(writer).unwrap_err().into_halves();
            let mut lane = writer.lane(LaneConfig::new());
            fill::<H>(&mut lane, b'l', 3);
            assert_eq!(writer.buffered().messages, 4);
            writer.start_close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(writer.buffered().messages, 0);
            assert_eq!(lane.dropped(), 3);
            let script = async {
                peer.expect_close(1000).await;
                peer.send(peer.frames().close(1000, "")).await;
                peer.finish().await;
            };
            let (end, ()) = join(reader.recv(), script).await;
            assert_eq!(end.unwrap(), None);
        });
    }
}
