//! Writers and lanes that do not name their transport.

use bytes::Bytes;
use wskit_driver::{
    AnyLane, AnyWeakWriter, AnyWriter, LaneConfig, Overflow, Pushed, Reader, WebSocket,
};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Config, Message, Role, SendError, State};
use wskit_test::{Harness, Io, Script, Simulated, SimulatedIo, join, once, pipe, run, wrap};

use crate::scene::{CAPACITY, ROLES, config, facing, facing_through, pair};

/// Each call, and what the peer sees of it.
pub fn any_writer_sends_in_every_way<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let writer = AnyWriter::from(writer);
            writer.send("one").await.unwrap();
            peer.expect(OpCode::Text, "one").await;
            writer.feed("two").await.unwrap();
            writer.try_feed("three").unwrap();
            writer.reserve().await.unwrap().send("four");
            drop(writer.reserve().await.unwrap());
            let text = if role == Role::Client { 4 } else { 0 };
            assert_eq!(writer.queued(), 2 * 3 + 12 + 3 * text);
            assert_eq!(writer.buffered().bytes, writer.queued());
            writer.flush().await.unwrap();
            assert_eq!(writer.queued(), 0);
            for text in ["two", "three", "four"] {
                peer.expect(OpCode::Text, text).await;
            }
            writer.ping(b"ping").await.unwrap();
            peer.expect(OpCode::Ping, "ping").await;
            assert_eq!(writer.protocol(), None);
            assert_eq!(writer.round_trip(), None);
            assert_eq!(writer.peer_addr(), None);
            assert_eq!(writer.local_addr(), None);
            assert_eq!(writer.tls_session(), None);
            assert_eq!((writer.state(), writer.outcome()), (State::Open, None));

            let script = async {
                peer.expect_close(1000).await;
                peer.send(peer.frames().close(1000, "")).await;
                if role == Role::Client {
                    peer.hang_up();
                }
            };
            let closing = join(writer.close(CloseCode::NORMAL, ""), reader.recv());
            let ((outcome, end), ()) = join(closing, script).await;
            assert!(outcome.unwrap().is_clean());
            assert_eq!(end.unwrap(), None);
            assert_eq!(writer.state(), State::Closed);
            assert!(writer.outcome().unwrap().is_clean());
            assert!(writer.send("x").await.unwrap_err().is_closed());
            assert!(probe.is_dropped(), "the writer keeps the transport");
        });
    }
}

/// A client over one transport and a server over another, in one list.
pub fn list_has_writers_over_several_transports<H: Harness>() {
    run::<H>(async {
        let mut room: Vec<AnyWriter> = Vec::new();
        let (ws, mut first, _) = facing::<H>(Role::Client, config());
        let (_reader, writer) = ws.split();
        room.push(writer.erase());
        let (near, far) = pipe(CAPACITY);
        let io: SimulatedIo = wrap::<Simulated>(near);
        let ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), config());
        let (_other_reader, writer) = ws.split();
        room.push(writer.into());
        let mut second = Script::new(far, Role::Client);

        for writer in &room {
            writer.send("hello").await.unwrap();
        }
        first.expect(OpCode::Text, "hello").await;
        second.expect(OpCode::Text, "hello").await;
    });
}

/// A send waits behind a full queue, and one that is dropped gives its turn up.
pub fn any_writers_wait_for_room_in_turn<H: Harness>() {
    run::<H>(async {
        let config = config().write_high_water(100);
        let (ws, mut peer, _) = facing_through::<H>(Role::Server, config, 50);
        let (_reader, writer) = ws.split();
        let writer = writer.erase();
        writer.feed(vec![0; 200]).await.unwrap();
        let given_up = once(writer.send(vec![1; 10])).await;
        assert!(given_up.is_none(), "there was no room");
        let (sent, ()) = join(writer.send(vec![2; 10]), async {
            peer.expect(OpCode::Binary, vec![0; 200]).await;
            peer.expect(OpCode::Binary, vec![2; 10]).await;
        })
        .await;
        sent.unwrap();
    });
}

/// Each call of a lane, with a rule for messages that do not fit.
pub fn any_lane_does_what_a_lane_does<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing_through::<H>(role, config(), 10);
            let (_reader, writer) = ws.split();
            let writer = writer.erase();
            let mut lane: AnyLane = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
            // The pipe is full from here on, and the queue of encoded bytes is over the lanes' mark.
            writer.feed(vec![0; 40_000]).await.unwrap();
            assert_eq!(lane.push("41"), Ok(Pushed::Queued));
            assert!(matches!(lane.push("42"), Ok(Pushed::Displaced(1))));
            assert_eq!(lane.buffered().messages, 1);
            assert_eq!(lane.dropped(), 1);
            let (sent, ()) = join(lane.send("43"), async {
                peer.expect(OpCode::Binary, vec![0; 40_000]).await;
                peer.expect(OpCode::Text, "43").await;
            })
            .await;
            sent.unwrap();
            assert_eq!(lane.dropped(), 2);
            lane.feed("44").await.unwrap();
            let (flushed, ()) = join(lane.flush(), peer.expect(OpCode::Text, "44")).await;
            flushed.unwrap();
        });
    }
}

/// Its messages wait for the pong of the ping that follows each.
pub fn any_lane_is_paced_as_a_lane_is<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (mut reader, writer) = ws.split();
        let paced = LaneConfig::new().overflow(Overflow::LatestOnly).paced(1);
        let mut lane = writer.erase().lane(paced);
        assert_eq!(lane.push("1"), Ok(Pushed::Queued));
        assert_eq!(lane.push("2"), Ok(Pushed::Queued));
        assert_eq!(lane.push("3"), Ok(Pushed::Displaced(1)));
        peer.expect(OpCode::Text, "1").await;
        let mark = peer.frame().await.payload;
        assert_eq!(lane.buffered().messages, 1);
        peer.send(peer.frames().pong(&mark)).await;
        assert!(once(reader.recv()).await.is_none());
        peer.expect(OpCode::Text, "3").await;
    });
}

/// The last handle of any kind ends the connection, and lanes do not keep it.
pub fn any_writer_keeps_a_connection_as_a_writer_does<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, _peer, probe) = facing::<H>(role, config());
            let (reader, writer) = ws.split();
            let weak: AnyWeakWriter = writer.downgrade().into();
            let writer = writer.erase();
            let (second, also_weak) = (writer.clone(), writer.downgrade());
            drop((reader, writer));
            assert!(!probe.is_dropped(), "a writer is left");
            drop(weak.upgrade().unwrap());
            let mut lane = also_weak.upgrade().unwrap().lane(LaneConfig::new());
            drop(second);
            assert!(probe.is_dropped(), "a lane does not keep it");
            assert!(weak.upgrade().is_none());
            assert_eq!(lane.push("x"), Err(SendError::Closed));
            assert!(also_weak.upgrade().is_none());
        });
    }
}

fn is_clean(end: &Message) -> bool {
    end.as_text() == Some("last")
}

/// Without a reader, the writer that closes reads in its place.
pub fn any_writer_closes_when_the_reader_is_gone<H: Harness>() {
    for config in [config(), Config::new()] {
        run::<H>(async {
            let pair = pair::<H>(config, CAPACITY);
            let (reader, writer): (Reader<Io<H>>, _) = pair.client.split();
            drop(reader);
            let (writer, mut server) = (writer.erase(), pair.server);
            writer.feed("last").await.unwrap();
            let (outcome, ()) = join(writer.close(CloseCode::NORMAL, ""), async {
                assert!(is_clean(&server.recv().await.unwrap().unwrap()));
                assert_eq!(server.recv().await.unwrap(), None);
            })
            .await;
            assert!(outcome.unwrap().is_clean());
        });
    }
}
