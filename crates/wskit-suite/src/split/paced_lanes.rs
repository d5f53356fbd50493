//! Paced lanes: how many messages are on their way, and which ping says that they have been read.

use std::time::Duration;

use wskit_driver::{Buffered, ConnectionError, LaneConfig, Overflow, Priority, Pushed};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Config, Event, Keepalive, Message, MessageKind, Role, TimeoutKind};
use wskit_test::{Harness, Script, join, once, run, run_timed, sleep};

use crate::scene::{ROLES, config, facing};

/// The payload of the ping with this number.
fn mark(number: u32) -> Vec<u8> {
    [&b"lane"[..], &number.to_be_bytes()].concat()
}

async fn expect_marked(peer: &mut Script, text: &str, number: u32) {
    peer.expect(OpCode::Text, text).await;
    peer.expect(OpCode::Ping, mark(number)).await;
}

async fn answer(peer: &mut Script, number: u32) {
    let pong = peer.frames().pong(&mark(number));
    peer.send(pong).await;
}

fn latest() -> LaneConfig {
    LaneConfig::new().overflow(Overflow::LatestOnly)
}

/// A peer that answers only the last of the pings that it has read, which is one of the application or of
/// the keepalive: the lanes go on.
///
/// Proves: R6455-5.5.3-b
pub fn pong_of_another_ping_replaces_those_of_lanes<H: Harness>() {
    run_timed::<H>(async {
        let every = Duration::from_secs(10);
        let keepalive = Keepalive {
            every,
            answer_within: every * 2,
        };
        let config = Config::new().keepalive(Some(keepalive));
        let (ws, mut peer, _) = facing::<H>(Role::Server, config);
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().paced(1));
        let script = async {
            let mut messages = 0;
            for _ in 0..150 {
                // Reads what has come since, and answers the last ping.
                sleep::<H>(Duration::from_secs(1 + messages % 3 * 3)).await;
                let mut last = None;
                while let Some(frame) = once(peer.frame()).await {
                    match frame.opcode {
                        OpCode::Ping => last = Some(frame.payload),
                        OpCode::Text => messages += 1,
                        other => panic!("{other:?}"),
                    }
                }
                if let Some(payload) = last {
                    let pong = peer.frames().pong(&payload);
                    peer.send(pong).await;
                }
            }
            assert_eq!(messages, 20);
            let end = peer.frames().text("end");
            peer.send(end).await;
        };
        let sending = async {
            for number in 0..20 {
                lane.feed("x").await.unwrap();
                if number % 2 == 0 {
                    sleep::<H>(Duration::from_millis(100)).await;
                    writer.ping(b"ours").await.unwrap();
                }
            }
            lane.flush().await.unwrap();
        };
        let receiving =
            async { while reader.recv().await.unwrap() != Some(Message::text("end")) {} };
        join(script, join(sending, receiving)).await;
    });
}

/// A peer that reads more rarely than keepalive pings are sent, and answers only the last ping of what it
/// has read, which is always a keepalive ping: the lanes go on.
///
/// Proves: R6455-5.5.3-b
pub fn pongs_of_the_keepalive_alone_move_lanes<H: Harness>() {
    run_timed::<H>(async {
        let every = Duration::from_secs(10);
        let keepalive = Keepalive {
            every,
            answer_within: every * 6,
        };
        let config = Config::new().keepalive(Some(keepalive));
        let (ws, mut peer, _) = facing::<H>(Role::Server, config);
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().paced(1));
        let script = async {
            let mut texts = Vec::new();
            for _ in 0..20 {
                sleep::<H>(every * 2).await;
                let mut last = None;
                while let Some(frame) = once(peer.frame()).await {
                    match frame.opcode {
                        OpCode::Ping => last = Some(frame.payload),
                        OpCode::Text => texts.push(frame.payload),
                        other => panic!("{other:?}"),
                    }
                }
                let last = last.unwrap();
                assert_eq!(last.len(), 4, "a keepalive ping");
                let pong = peer.frames().pong(&last);
                peer.send(pong).await;
            }
            assert_eq!(texts, [b"1", b"2", b"3", b"4"]);
            let end = peer.frames().text("end");
            peer.send(end).await;
        };
        let sending = async {
            for text in ["1", "2", "3", "4"] {
                lane.feed(text).await.unwrap();
            }
            lane.flush().await.unwrap();
        };
        let receiving =
            async { while reader.recv().await.unwrap() != Some(Message::text("end")) {} };
        join(script, join(sending, receiving)).await;
    });
}

/// A message and its ping leave in one write. Messages that come before the pong displace one another,
/// and the newest leaves when the pong is received.
pub fn newest_message_follows_the_pong<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let mut lane = writer.lane(latest().paced(1));
            assert_eq!(lane.push("1"), Ok(Pushed::Queued));
            assert_eq!(probe.writes(), 1);
            assert_eq!(lane.push("2"), Ok(Pushed::Queued));
            assert_eq!(lane.push("3"), Ok(Pushed::Displaced(1)));
            assert_eq!((probe.writes(), lane.buffered().messages), (1, 1));
            expect_marked(&mut peer, "1", 1).await;
            answer(&mut peer, 1).await;
            assert!(once(reader.recv()).await.is_none());
            assert_eq!((probe.writes(), lane.buffered()), (2, Buffered::default()));
            expect_marked(&mut peer, "3", 2).await;
            assert_eq!(lane.dropped(), 1);
        });
    }
}

/// The pong of a later ping answers all earlier ones.
///
/// Proves: R6455-5.5.3-b
pub fn later_pong_answers_earlier_pings<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().paced(2));
        for text in ["1", "2", "3", "4", "5"] {
            lane.push(text).unwrap();
        }
        assert_eq!(lane.buffered().messages, 3);
        expect_marked(&mut peer, "1", 1).await;
        expect_marked(&mut peer, "2", 2).await;
        answer(&mut peer, 2).await;
        assert!(once(reader.recv()).await.is_none());
        // Two that leave together are followed by one ping.
        peer.expect(OpCode::Text, "3").await;
        expect_marked(&mut peer, "4", 3).await;
        assert_eq!(lane.buffered().messages, 1);
    });
}

/// A ping that follows several lanes makes room in each. Other senders go on meanwhile.
pub fn lanes_written_together_share_a_ping<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let mut urgent = writer.lane(latest().priority(Priority::Urgent).paced(1));
        let mut normal = writer.lane(LaneConfig::new().paced(1));
        let mut free = writer.lane(LaneConfig::new());
        let mut pieces = writer.begin(MessageKind::Text).await.unwrap();
        for (lane, text) in [(&mut normal, "n"), (&mut urgent, "u"), (&mut free, "f")] {
            lane.push(text).unwrap();
        }
        pieces.write(b"p").await.unwrap();
        pieces.finish().await.unwrap();
        assert!(once(reader.recv()).await.is_none());
        peer.expect_part(OpCode::Text, "p").await;
        peer.expect(OpCode::Continuation, "").await;
        for text in ["u", "n"] {
            peer.expect(OpCode::Text, text).await;
        }
        expect_marked(&mut peer, "f", 1).await;
        for (lane, text) in [(&mut normal, "N"), (&mut urgent, "U"), (&mut free, "F")] {
            lane.push(text).unwrap();
        }
        writer.send("direct").await.unwrap();
        peer.expect(OpCode::Text, "F").await;
        peer.expect(OpCode::Text, "direct").await;
        // The messages of a lane that was dropped wait for no pong.
        drop(urgent);
        assert!(once(reader.recv()).await.is_none());
        peer.expect(OpCode::Text, "U").await;
        answer(&mut peer, 1).await;
        assert!(once(reader.recv()).await.is_none());
        expect_marked(&mut peer, "N", 2).await;
    });
}

/// What waits in a paced lane that is dropped leaves with the drop: nothing else need happen on the connection.
///
/// Proves: X-io-3
pub fn message_of_a_dropped_paced_lane_leaves_at_once<H: Harness>() {
    for erased in [false, true] {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(Role::Server, config());
            let (_reader, writer) = ws.split();
            let config = LaneConfig::new().paced(1);
            if erased {
                let mut lane = writer.erase().lane(config);
                lane.push("1").unwrap();
                lane.push("2").unwrap();
            } else {
                let mut lane = writer.lane(config);
                lane.push("1").unwrap();
                lane.push("2").unwrap();
            }
            expect_marked(&mut peer, "1", 1).await;
            peer.expect(OpCode::Text, "2").await;
        });
    }
}

/// The pongs of the lanes' pings are no events. All others are, with whatever payload.
///
/// Proves: R6455-5.5.3-c
pub fn other_pongs_are_events<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(latest().paced(1));
        let early = peer.frames().pong(&mark(1));
        peer.send(early).await;
        lane.push("1").unwrap();
        let frames = peer.frames();
        let others = [
            &mark(0)[..],
            &mark(2),
            &mark(u32::MAX),
            b"lane",
            b"lane\0\0\0\x01!",
            b"",
        ];
        for payload in others {
            peer.send(frames.pong(payload)).await;
        }
        // The peer answers before it has read anything: that only makes what it gets less fresh.
        peer.send(frames.pong(&mark(1))).await;
        peer.send(frames.pong(&mark(1))).await;
        peer.send(frames.text("end")).await;
        let mut pongs = Vec::new();
        while let Some(event) = reader.recv_event().await.unwrap() {
            match event {
                Event::Pong(payload) => pongs.push(payload.to_vec()),
                Event::Message(_) => break,
                other => panic!("{other:?}"),
            }
        }
        // The first came when the ping was out already, and is its pong.
        let expected: Vec<_> = others.into_iter().map(<[u8]>::to_vec).collect();
        assert_eq!(pongs[..others.len()], expected);
        assert_eq!(pongs[others.len()..], [mark(1), mark(1)]);
        lane.push("2").unwrap();
        expect_marked(&mut peer, "1", 1).await;
        expect_marked(&mut peer, "2", 2).await;
    });
}

/// A flush and a send end when their message has left, after the pong of the one before it.
pub fn flush_of_a_paced_lane_waits_for_the_pong<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().max_messages(1).paced(1));
        lane.send("1").await.unwrap();
        assert!(once(lane.send("2")).await.is_none());
        let script = async {
            for (text, number) in [("1", 1), ("2", 2), ("3", 3), ("4", 4)] {
                expect_marked(&mut peer, text, number).await;
                answer(&mut peer, number).await;
            }
            let end = peer.frames().text("end");
            peer.send(end).await;
        };
        let sending = async {
            lane.flush().await.unwrap();
            // Waits for room, which only a pong makes.
            lane.feed("3").await.unwrap();
            lane.send("4").await.unwrap();
        };
        let ((), (end, ())) = join(script, join(reader.recv(), sending)).await;
        assert_eq!(end.unwrap(), Some(Message::text("end")));
    });
}

/// A Close waits for no pong: what waits in the lane goes before it.
pub fn close_does_not_wait_for_a_pong<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let mut lane = writer.lane(LaneConfig::new().paced(1));
            for text in ["1", "2", "3"] {
                lane.push(text).unwrap();
            }
            writer.start_close(CloseCode::NORMAL, "").unwrap();
            let script = async {
                expect_marked(&mut peer, "1", 1).await;
                peer.expect(OpCode::Text, "2").await;
                peer.expect(OpCode::Text, "3").await;
                peer.expect_close(1000).await;
                // The pong of a ping from before the Close.
                answer(&mut peer, 1).await;
                let close = peer.frames().close(1000, "");
                peer.send(close).await;
                peer.finish().await;
            };
            let (end, ()) = join(reader.recv(), script).await;
            assert_eq!(end.unwrap(), None);
            assert_eq!(lane.dropped(), 0);
        });
    }
}

/// When the reader was dropped, a push reads the pong and writes the newest message.
pub fn paced_lane_reads_when_the_reader_is_gone<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (reader, writer) = ws.split();
        drop(reader);
        let mut lane = writer.lane(latest().paced(1));
        lane.push("1").unwrap();
        lane.push("2").unwrap();
        expect_marked(&mut peer, "1", 1).await;
        answer(&mut peer, 1).await;
        lane.push("3").unwrap();
        expect_marked(&mut peer, "3", 2).await;
        let (sent, ()) = join(lane.send("4"), answer(&mut peer, 2)).await;
        sent.unwrap();
        expect_marked(&mut peer, "4", 3).await;
    });
}

/// When the reader was dropped, a full lane reads the pong before it drops or refuses a message.
pub fn full_paced_lane_reads_before_it_decides<H: Harness>() {
    let rules = [
        Overflow::Wait,
        Overflow::DropOldest,
        Overflow::LatestOnly,
        Overflow::Disconnect,
    ];
    for rule in rules {
        for feeds in [false, true] {
            run::<H>(async {
                let (ws, mut peer, _) = facing::<H>(Role::Server, config());
                let (reader, writer) = ws.split();
                drop(reader);
                let rule = LaneConfig::new().overflow(rule).max_messages(1);
                let mut lane = writer.lane(rule.paced(1));
                lane.push("1").unwrap();
                lane.push("2").unwrap();
                expect_marked(&mut peer, "1", 1).await;
                answer(&mut peer, 1).await;
                if feeds {
                    once(lane.feed("3")).await.expect("there is room").unwrap();
                } else {
                    assert_eq!(lane.push("3"), Ok(Pushed::Queued));
                }
                expect_marked(&mut peer, "2", 2).await;
                assert_eq!(lane.dropped(), 0);
            });
        }
    }
}

/// A peer that answers no ping stops its lane only, and the keepalive ends the connection.
pub fn paced_lane_of_a_silent_peer_stands_still<H: Harness>() {
    run_timed::<H>(async {
        let second = Duration::from_secs(1);
        let keepalive = Keepalive {
            every: second * 10,
            answer_within: second * 10,
        };
        let config = Config::new().keepalive(Some(keepalive));
        let (ws, mut peer, _) = facing::<H>(Role::Server, config);
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(latest().paced(1));
        lane.push("1").unwrap();
        lane.push("2").unwrap();
        writer.send("direct").await.unwrap();
        expect_marked(&mut peer, "1", 1).await;
        peer.expect(OpCode::Text, "direct").await;
        let end = reader.recv().await;
        assert!(
            matches!(end, Err(ConnectionError::Timeout(TimeoutKind::Keepalive))),
            "{end:?}"
        );
        assert_eq!(lane.dropped(), 1);
    });
}

/// Messages that wait for a pong are no activity: the idle timeout passes, and they go before its Close.
pub fn idle_timeout_does_not_wait_for_a_pong<H: Harness>() {
    run_timed::<H>(async {
        let config = config().idle_timeout(Some(Duration::from_secs(60)));
        let (ws, mut peer, _) = facing::<H>(Role::Server, config);
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(latest().paced(1));
        lane.push("1").unwrap();
        lane.push("2").unwrap();
        let script = async {
            expect_marked(&mut peer, "1", 1).await;
            peer.expect(OpCode::Text, "2").await;
            peer.expect_close(1001).await;
            let close = peer.frames().close(1001, "");
            peer.send(close).await;
            peer.finish().await;
        };
        let (end, ()) = join(reader.recv(), script).await;
        assert_eq!(end.unwrap(), None);
    });
}

/// With a limit by delay, a lane whose pongs come at once gets as many messages on their way as it has.
pub fn limit_by_delay_grows<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let delay = Duration::from_millis(100);
        let mut lane = writer.lane(LaneConfig::new().paced_by_delay(delay));
        for _ in 0..100 {
            lane.push("x").unwrap();
        }
        let mut at_once = 0;
        while lane.buffered().messages > 0 {
            let before = lane.buffered().messages;
            loop {
                let frame = peer.frame().await;
                if frame.opcode == OpCode::Ping {
                    let pong = peer.frames().pong(&frame.payload);
                    peer.send(pong).await;
                    break;
                }
            }
            assert!(once(reader.recv()).await.is_none());
            at_once = at_once.max(before - lane.buffered().messages);
        }
        assert!(at_once >= 10, "{at_once}");
    });
}

/// The numbers of the pings go on after the halves have met: a late pong answers no message sent since.
pub fn late_pong_from_before_a_reunion_answers_nothing<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (reader, writer) = ws.split();
        writer.lane(LaneConfig::new().paced(1)).push("1").unwrap();
        expect_marked(&mut peer, "1", 1).await;
        // One that uses no lane in between.
        let ws = reader.reunite(writer).unwrap();
        let (reader, writer) = ws.split();
        let ws = reader.reunite(writer).unwrap();
        let (mut reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().paced(1));
        lane.push("2").unwrap();
        lane.push("3").unwrap();
        expect_marked(&mut peer, "2", 2).await;
        answer(&mut peer, 1).await;
        assert!(once(reader.recv()).await.is_none());
        assert_eq!(lane.buffered().messages, 1);
        answer(&mut peer, 2).await;
        assert!(once(reader.recv()).await.is_none());
        assert_eq!(lane.buffered().messages, 0);
    });
}
