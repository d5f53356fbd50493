//! Halves that become a whole connection again.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_sink::Sink;
use wskit_driver::{LaneConfig, Shutdown, WebSocket};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Message, MessageKind, Role, State};
use wskit_test::{Harness, Io, join, once, run, run_timed, timer};

use crate::scene::{CAPACITY, ROLES, config, facing, facing_through, pair};

/// Everything that was on its way either way when the halves met.
pub fn reunited_connection_loses_nothing<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing_through::<H>(role, config(), CAPACITY);
            let (mut reader, writer) = ws.split();
            // Two messages and the start of a third are read at once.
            let frames = peer.frames();
            let mut bytes = frames.text("one");
            bytes.extend(frames.text("two"));
            let third = frames.text("three");
            bytes.extend(&third[..3]);
            peer.send(bytes).await;
            let one = reader.recv().await.unwrap().unwrap();
            assert_eq!(one, Message::text("one"));
            writer.feed("fed").await.unwrap();
            let mut lane = writer.lane(LaneConfig::new());
            lane.feed("in a lane").await.unwrap();
            drop(lane);

            let mut ws: WebSocket<Io<H>> = reader.reunite(writer).unwrap();
            assert_eq!(ws.state(), State::Open);
            peer.send(&third[3..]).await;
            for text in ["two", "three"] {
                let (message, out) = ws.recv_ref().await.unwrap().unwrap();
                assert_eq!(message.as_text(), Some(text));
                out.feed(message).unwrap();
            }
            ws.flush().await.unwrap();
            for text in ["fed", "in a lane", "two", "three"] {
                peer.expect(OpCode::Text, text).await;
            }
            // And once more, with a large message that is queued by reference.
            let (reader, writer) = ws.split();
            writer.feed(vec![7; 20_000]).await.unwrap();
            let mut ws = reader.reunite(writer).unwrap();
            ws.flush().await.unwrap();
            peer.expect(OpCode::Binary, vec![7; 20_000]).await;
            // What was sent is not kept for callers with a lock.
            let payload = Bytes::from(vec![8; 20_000]);
            ws.send(payload.clone()).await.unwrap();
            peer.expect(OpCode::Binary, &payload).await;
            assert!(payload.is_unique());
            drop(ws);
            assert!(probe.is_dropped());
        });
    }
}

/// Nothing paces them any more.
pub fn messages_of_a_paced_lane_are_queued_at_once<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (reader, writer) = ws.split();
        let mut lane = writer.lane(LaneConfig::new().paced(1));
        for text in ["1", "2", "3"] {
            lane.feed(text).await.unwrap();
        }
        drop(lane);
        let mut ws = reader.reunite(writer).unwrap();
        ws.flush().await.unwrap();
        peer.expect(OpCode::Text, "1").await;
        for text in ["2", "3"] {
            peer.expect(OpCode::Text, text).await;
        }
    });
}

/// They go on working, and find their own other half later.
pub fn halves_of_two_connections_are_given_back<H: Harness>() {
    run::<H>(async {
        let (first, mut peer, _) = facing::<H>(Role::Server, config());
        let (other, mut other_peer, _) = facing::<H>(Role::Server, config());
        let (reader, writer) = first.split();
        let (other_reader, other_writer) = other.split();
        let error = reader.reunite(other_writer).unwrap_err();
        let (reader, other_writer) = error.into_halves();
        writer.send("one").await.unwrap();
        other_writer.send("two").await.unwrap();
        peer.expect(OpCode::Text, "one").await;
        other_peer.expect(OpCode::Text, "two").await;
        assert!(reader.reunite(writer).is_ok());
        assert!(other_reader.reunite(other_writer).is_ok());
    });
}

/// A second writer, one without a type, and a lane.
pub fn halves_are_given_back_while_other_handles_live<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (reader, writer) = ws.split();
        let (second, any) = (writer.clone(), writer.clone().erase());
        let lane = writer.lane(LaneConfig::new());
        let (reader, writer) = reader.reunite(writer).unwrap_err().into_halves();
        drop(second);
        let (reader, writer) = reader.reunite(writer).unwrap_err().into_halves();
        drop(any);
        let (mut reader, writer) = reader.reunite(writer).unwrap_err().into_halves();
        // They work.
        writer.send("out").await.unwrap();
        peer.expect(OpCode::Text, "out").await;
        peer.send(peer.frames().text("in")).await;
        assert!(reader.recv().await.unwrap().is_some());
        let weak = writer.downgrade();
        drop(lane);
        let mut ws = reader.reunite(writer).unwrap();
        assert!(weak.upgrade().is_none(), "a weak writer has no whole");
        ws.send("whole").await.unwrap();
        peer.expect(OpCode::Text, "whole").await;
    });
}

/// Its transport is gone.
pub fn ended_connection_stays_in_halves<H: Harness>() {
    run::<H>(async {
        let pair = pair::<H>(config(), CAPACITY);
        let (mut reader, writer) = pair.client.split();
        let mut server = pair.server;
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        let (ours, theirs) = join(reader.recv(), server.recv()).await;
        assert_eq!((ours.unwrap(), theirs.unwrap()), (None, None));
        let error = reader.reunite(writer).unwrap_err();
        assert!(error.to_string().contains("over"), "{error}");
        let (mut reader, writer) = error.into_halves();
        assert_eq!(reader.recv().await.unwrap(), None);
        assert!(writer.outcome().unwrap().is_clean());
    });
}

/// A sink was ready before another writer began a message in pieces, and has held its own back.
pub fn message_that_a_sink_holds_back_is_queued<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (reader, mut sink) = ws.split();
        poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx))
            .await
            .unwrap();
        let writer = reader.writer();
        let mut pieces = writer.begin(MessageKind::Text).await.unwrap();
        pieces.write("in ").await.unwrap();
        Pin::new(&mut sink)
            .start_send(Message::text("held"))
            .unwrap();
        pieces.write("pieces").await.unwrap();
        pieces.finish().await.unwrap();
        drop(writer);
        let mut ws = reader.reunite(sink).unwrap();
        ws.flush().await.unwrap();
        let mut whole = Vec::new();
        let mut fin = false;
        while !fin {
            let frame = peer.frame().await;
            whole.extend(frame.payload);
            fin = frame.fin;
        }
        assert_eq!(whole, b"in pieces");
        peer.expect(OpCode::Text, "held").await;
    });
}

/// A send was given up while the pipe was full; a shutdown was followed before and after.
pub fn reunited_connection_goes_on_with_what_was_begun<H: Harness>() {
    run_timed::<H>(async {
        let (mut ws, mut peer, _) = facing_through::<H>(Role::Server, config(), 10);
        let shutdown = Shutdown::with_timer(timer::<H>());
        ws.track(&shutdown);
        let (reader, writer) = ws.split();
        assert!(once(writer.send(vec![1; 1000])).await.is_none());
        let mut ws = reader.reunite(writer).unwrap();
        let closing = join(shutdown.finish(Duration::from_secs(5)), ws.recv());
        let ((report, received), ()) = join(closing, async {
            peer.expect(OpCode::Binary, vec![1; 1000]).await;
            peer.expect_close(1001).await;
            peer.send(peer.frames().close(1001, "")).await;
        })
        .await;
        assert_eq!(received.unwrap(), None);
        assert_eq!(report.unwrap().clean, 1);
    });
}
