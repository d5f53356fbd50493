//! Lanes: which message goes first, and what happens to messages that do not fit.

use wskit_driver::{Buffered, Lane, LaneConfig, Overflow, Priority, Pushed, Reader, Writer};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Config, Message, PreparedMessage, Role, SendError, State};
use wskit_test::{Boxed, Harness, Io, Probe, Script, join, join_all, once, pause, run};

use crate::scene::{ROLES, config, facing, facing_through, pattern};

/// Bytes that are encoded at most while more waits in lanes.
const MARK: usize = 2000;
/// Bytes that the pipe takes.
pub(super) const PIPE: usize = 500;
/// Bytes of a message of which the number matters.
const SIZE: usize = 200;
/// Messages of that size that may be encoded or in the pipe before another is pushed.
const AHEAD: usize = (MARK + PIPE) / SIZE + 2;

pub(super) fn narrow() -> Config {
    config().write_high_water(MARK)
}

type Halves<H> = (Reader<Io<H>>, Writer<Io<H>>, Script, Probe);

pub(super) fn halves<H: Harness>(role: Role) -> Halves<H> {
    let (ws, peer, probe) = facing_through::<H>(role, narrow(), PIPE);
    let (reader, writer) = ws.split();
    (reader, writer, peer, probe)
}

pub(super) fn numbered(who: u8, number: u8) -> Vec<u8> {
    let mut data = vec![who; SIZE];
    data[1] = number;
    data
}

/// Pushes `count` messages of `who`.
pub(super) fn fill<H: Harness>(lane: &mut Lane<Io<H>>, who: u8, count: u8) {
    for number in 0..count {
        assert_eq!(lane.push(numbered(who, number)), Ok(Pushed::Queued));
    }
}

/// Reads `count` messages and returns their senders in the order of arrival.
pub(super) async fn order(peer: &mut Script, count: usize) -> Vec<u8> {
    let mut order = Vec::new();
    while order.len() < count {
        let frame = peer.frame().await;
        assert_eq!(frame.opcode, OpCode::Binary);
        order.push(frame.payload[0]);
    }
    order
}

/// A push without competition has written its message when it returns.
pub fn push_is_written_at_once<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (_reader, writer) = ws.split();
            let mut lane = writer.lane(LaneConfig::new());
            assert_eq!(lane.push("one"), Ok(Pushed::Queued));
            assert_eq!(probe.writes(), 1);
            lane.push(Message::binary("two")).unwrap();
            lane.push(&PreparedMessage::text("three")).unwrap();
            assert_eq!((probe.writes(), lane.buffered()), (3, Buffered::default()));
            peer.expect(OpCode::Text, "one").await;
            peer.expect(OpCode::Binary, "two").await;
            peer.expect(OpCode::Text, "three").await;
        });
    }
}

/// An urgent message goes first although it was pushed last; a bulk one goes last.
pub fn urgent_goes_before_what_waits<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let lane = |priority| writer.lane(LaneConfig::new().priority(priority));
            let mut bulk = lane(Priority::Bulk);
            let mut normal = lane(Priority::Normal);
            let mut urgent = lane(Priority::Urgent);
            fill::<H>(&mut bulk, b'b', 40);
            fill::<H>(&mut normal, b'n', 20);
            fill::<H>(&mut urgent, b'u', 3);
            let (flushed, order) = join(bulk.flush(), order(&mut peer, 63)).await;
            flushed.unwrap();
            let early = order.iter().take_while(|who| **who == b'b').count();
            assert!(early <= AHEAD, "{early} were ahead");
            let rest: Vec<u8> = [vec![b'u'; 3], vec![b'n'; 20], vec![b'b'; 40 - early]].concat();
            assert_eq!(order[early..], rest);
        });
    }
}

/// Control frames go before even what is urgent.
///
/// Proves: R6455-5.5.2-b
pub fn pong_goes_before_what_waits_in_lanes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new().priority(Priority::Urgent));
            fill::<H>(&mut lane, b'u', 50);
            peer.send(peer.frames().ping(b"?")).await;
            assert!(once(reader.recv()).await.is_none());
            let script = async {
                let mut pong = None;
                for at in 0..=50 {
                    if peer.frame().await.opcode == OpCode::Pong {
                        pong = Some(at);
                    }
                }
                pong.expect("a pong")
            };
            let (flushed, at) = join(lane.flush(), script).await;
            flushed.unwrap();
            assert!(at <= PIPE / SIZE + 1, "after {at} messages");
        });
    }
}

/// Lanes of one priority take turns, a message each, however many each has queued.
pub fn lanes_take_turns<H: Harness>() {
    run::<H>(async {
        let (_reader, writer, mut peer, _) = halves::<H>(Role::Server);
        let mut lanes: Vec<_> = (0..3).map(|_| writer.lane(LaneConfig::new())).collect();
        fill::<H>(&mut lanes[0], 0, 60);
        fill::<H>(&mut lanes[1], 1, 10);
        fill::<H>(&mut lanes[2], 2, 10);
        let (flushed, order) = join(lanes[0].flush(), order(&mut peer, 80)).await;
        flushed.unwrap();
        let early = order.iter().position(|who| *who == 1).unwrap();
        assert!(early <= AHEAD + 1, "{early} were ahead");
        for three in order[early..early + 27].chunks(3) {
            let mut three = three.to_vec();
            three.sort_unstable();
            assert_eq!(three, [0, 1, 2], "{order:?}");
        }
    });
}

/// Plain writers count as one more lane: neither starves the other.
pub fn plain_writers_and_lanes_take_turns<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut reader, writer, mut peer, _) = halves::<H>(role);
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for who in [b'p', b'q'] {
                let writer = writer.clone();
                tasks.push(Box::pin(async move {
                    for number in 0..30 {
                        writer.feed(numbered(who, number)).await.unwrap();
                    }
                    writer.flush().await.unwrap();
                }));
            }
            for priority in [Priority::Normal, Priority::Bulk] {
                let mut lane = writer.lane(LaneConfig::new().priority(priority));
                tasks.push(Box::pin(async move {
                    let who = if priority == Priority::Bulk {
                        b'b'
                    } else {
                        b'l'
                    };
                    for number in 0..30 {
                        lane.feed(numbered(who, number)).await.unwrap();
                    }
                    lane.flush().await.unwrap();
                }));
            }
            tasks.push(Box::pin(async {
                let order = order(&mut peer, 120).await;
                let last = |who| order.iter().rposition(|other| *other == who).unwrap();
                let plain = last(b'p').max(last(b'q'));
                // 30 turns of the lane against 60 of the plain ones: it is done in the first half.
                assert!(last(b'l') <= 60 + AHEAD, "{}: {order:?}", last(b'l'));
                assert!(plain <= 90 + AHEAD, "bulk held them back: {order:?}");
                peer.send(peer.frames().text("done")).await;
            }));
            tasks.push(Box::pin(async {
                reader.recv().await.unwrap();
            }));
            join_all(tasks).await;
        });
    }
}

/// Proves: X-io-3
pub fn full_lane_waits_or_refuses<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let mut lane = writer.lane(LaneConfig::new().max_messages(5));
            let mut fed = 0;
            while once(lane.feed(numbered(b'l', fed))).await.is_some() {
                fed += 1;
                assert!(usize::from(fed) <= AHEAD + 5);
            }
            assert_eq!(lane.buffered().messages, 5);
            assert_eq!(lane.push("no room"), Err(SendError::QueueFull));
            assert_eq!((lane.buffered().messages, lane.dropped()), (5, 0));
            let send = async {
                for number in fed..100 {
                    lane.feed(numbered(b'l', number)).await.unwrap();
                }
                lane.flush().await.unwrap();
            };
            let script = async {
                for number in 0..100 {
                    peer.expect(OpCode::Binary, numbered(b'l', number)).await;
                }
            };
            join(send, script).await;
            assert_eq!(writer.buffered(), Buffered::default());
        });
    }
}

/// A lane is bounded in bytes too. A message larger than the bound goes alone.
///
/// Proves: X-io-3
pub fn lane_is_bounded_in_bytes<H: Harness>() {
    run::<H>(async {
        let (_reader, writer, mut peer, _) = halves::<H>(Role::Client);
        let mut lane = writer.lane(LaneConfig::new().max_bytes(1000));
        lane.push(pattern(5000)).unwrap();
        lane.push(pattern(1500)).unwrap();
        assert_eq!(lane.push("no room"), Err(SendError::QueueFull));
        let buffered = lane.buffered();
        assert_eq!((buffered.messages, buffered.bytes), (1, 1500));
        let all = writer.buffered();
        assert_eq!((all.messages, all.bytes), (1, 1500 + writer.queued()));
        let (flushed, ()) = join(lane.flush(), async {
            peer.expect(OpCode::Binary, pattern(5000)).await;
            peer.expect(OpCode::Binary, pattern(1500)).await;
        })
        .await;
        flushed.unwrap();
    });
}

/// Proves: X-io-3
pub fn full_lane_drops_its_oldest<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = halves::<H>(role);
            let rule = LaneConfig::new().overflow(Overflow::DropOldest);
            let mut lane = writer.lane(rule.max_messages(4));
            let mut displaced = 0;
            for number in 0..100 {
                match lane.push(numbered(b'l', number)).unwrap() {
                    Pushed::Displaced(count) => displaced += count as u64,
                    _ => assert_eq!(displaced, 0),
                }
            }
            assert_eq!((lane.dropped(), lane.buffered().messages), (displaced, 4));
            let early = 100 - displaced - 4;
            assert!(early as usize <= AHEAD);
            let script = async {
                for number in (0..early as u8).chain(96..100) {
                    peer.expect(OpCode::Binary, numbered(b'l', number)).await;
                }
            };
            join(async { lane.flush().await.unwrap() }, script).await;
        });
    }
}

/// Proves: X-io-3
pub fn lane_keeps_only_its_latest<H: Harness>() {
    run::<H>(async {
        let (_reader, writer, mut peer, _) = halves::<H>(Role::Server);
        let mut other = writer.lane(LaneConfig::new());
        fill::<H>(&mut other, b'o', 30);
        let mut lane = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
        for number in 0..100 {
            let pushed = lane.push(numbered(b'l', number)).unwrap();
            let expected = if number == 0 {
                Pushed::Queued
            } else {
                Pushed::Displaced(1)
            };
            assert_eq!(pushed, expected);
        }
        assert_eq!((lane.dropped(), lane.buffered().messages), (99, 1));
        drop(lane);
        let script = async {
            let mut mine = Vec::new();
            for _ in 0..31 {
                let frame = peer.frame().await;
                if frame.payload[0] == b'l' {
                    mine.push(frame.payload[1]);
                }
            }
            assert_eq!(mine, [99]);
        };
        join(async { other.flush().await.unwrap() }, script).await;
    });
}

/// A peer that is too slow is closed with 1013 and gets none of the waiting messages.
///
/// Proves: X-io-3
pub fn slow_peer_is_disconnected<H: Harness>() {
    for role in ROLES {
        for feed in [false, true] {
            run::<H>(async {
                let (mut reader, writer, mut peer, _) = halves::<H>(role);
                let rule = LaneConfig::new().overflow(Overflow::Disconnect);
                let mut lane = writer.lane(rule.max_messages(5));
                let mut other = writer.lane(LaneConfig::new().priority(Priority::Bulk));
                let mut sent = 0;
                let receive = async {
                    pause().await;
                    while lane.push(numbered(b'l', sent)).is_ok() {
                        other.push("other").unwrap();
                        sent += 1;
                        assert!(usize::from(sent) <= AHEAD + 5);
                    }
                    if feed {
                        assert!(lane.feed("late").await.unwrap_err().is_closed());
                    }
                    assert_eq!(lane.push("late"), Err(SendError::Closed));
                    assert_eq!(writer.state(), State::Closing);
                    assert_eq!(lane.dropped(), 5);
                    assert!(other.flush().await.unwrap_err().is_closed());
                    assert_eq!(writer.buffered().messages, 0);
                    // Now it reads again.
                    loop {
                        let frame = peer.frame().await;
                        if frame.opcode == OpCode::Close {
                            assert_eq!(frame.payload[..2], 1013_u16.to_be_bytes());
                            break;
                        }
                    }
                    peer.send(peer.frames().close(1013, "")).await;
                    peer.finish().await;
                };
                let (received, ()) = join(reader.recv(), receive).await;
                assert_eq!(received.unwrap(), None);
                let outcome = writer.outcome().unwrap();
                assert_eq!(outcome.sent, Some(Some(CloseCode::TRY_AGAIN_LATER)));
            });
        }
    }
}
