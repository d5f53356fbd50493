//! Weak writers: handles that do not keep a connection.
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use wskit_driver::{LaneConfig, Reader, WeakWriter, WebSocket, Writer};
use wskit_frame::OpCode;
use wskit_proto::{CloseCode, Config, Message, Role, State};
use wskit_test::{Executor, Probe, Script, Simulated, SimulatedIo, join, once, pipe, wrap};

struct Ends {
    reader: Reader<SimulatedIo>,
    writer: Writer<SimulatedIo>,
    weak: WeakWriter<SimulatedIo>,
    peer: Script,
    probe: Probe,
}

/// Returns a server's end, and its client.
fn ends() -> Ends {
    let (near, far) = pipe(1 << 16);
    let probe = near.probe();
    let config = Config::new().keepalive(None);
    let io = wrap::<Simulated>(near);
    let (reader, writer) = WebSocket::from_parts(io, Role::Server, Bytes::new(), config).split();
    let weak = writer.downgrade();
    Ends {
        reader,
        writer,
        weak,
        peer: Script::new(far, Role::Client),
        probe,
    }
}

#[test]
fn weak_writer_becomes_a_writer() {
    Executor::new().block_on(async {
        let Ends {
            mut reader,
            writer,
            weak,
            mut peer,
            ..
        } = ends();
        weak.upgrade().unwrap().send("one").await.unwrap();
        weak.clone().upgrade().unwrap().send("two").await.unwrap();
        // The upgraded writer keeps the connection.
        let strong = weak.upgrade().unwrap();
        drop(writer);
        strong.send("three").await.unwrap();
        for text in ["one", "two", "three"] {
            peer.expect(OpCode::Text, text).await;
        }
        peer.send(peer.frames().text("four")).await;
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("four")));
    });
}

/// A weak writer can be upgraded while only the reader is left.
#[test]
fn reader_alone_is_enough_for_a_weak_writer() {
    Executor::new().block_on(async {
        let mut ends = ends();
        drop(ends.writer);
        ends.weak.upgrade().unwrap().send("x").await.unwrap();
        ends.peer.expect(OpCode::Text, "x").await;
    });
}

#[test]
fn weak_writers_hold_nothing() {
    Executor::new().block_on(async {
        for reader_first in [true, false] {
            let mut ends = ends();
            let weak = ends.writer.downgrade();
            if reader_first {
                drop(ends.reader);
                drop(ends.writer);
            } else {
                drop(ends.writer);
                drop(ends.reader);
            }
            assert!(ends.probe.is_dropped());
            assert!(weak.upgrade().is_none() && ends.weak.upgrade().is_none());
            assert!(weak.clone().upgrade().is_none());
            ends.peer.expect_end().await;
        }
    });
}

/// Lanes do not keep a connection: it has ended.
#[test]
fn lanes_are_not_enough_for_a_weak_writer() {
    Executor::new().block_on(async {
        let ends = ends();
        let lane = ends.writer.lane(LaneConfig::new());
        drop(ends.writer);
        drop(ends.reader);
        assert!(ends.weak.upgrade().is_none());
        drop(lane);
        assert!(ends.weak.upgrade().is_none());
    });
}

/// A closing connection can still be upgraded, to wait for its end.
#[test]
fn weak_writer_becomes_none_when_the_connection_is_over() {
    Executor::new().block_on(async {
        let mut ends = ends();
        ends.writer.start_close(CloseCode::NORMAL, "").unwrap();
        assert!(once(ends.reader.recv()).await.is_none());
        assert_eq!(ends.weak.upgrade().unwrap().state(), State::Closing);
        let close = ends.peer.frames().close(1000, "");
        let (end, ()) = join(ends.reader.recv(), ends.peer.send(close)).await;
        assert_eq!(end.unwrap(), None);
        assert_eq!(ends.writer.state(), State::Closed);
        assert!(ends.weak.upgrade().is_none());
        assert!(ends.writer.downgrade().upgrade().is_none());
    });
}

#[test]
fn weak_writers_can_be_sent_and_shared_and_printed() {
    fn is_shared<T: Send + Sync + Unpin + 'static>(_: &T) {}
    Executor::new().block_on(async {
        let ends = ends();
        is_shared(&ends.weak);
        assert!(format!("{:?}", ends.weak).starts_with("WeakWriter"));
        drop((ends.writer, ends.reader));
        assert!(format!("{:?}", ends.weak).starts_with("WeakWriter"));
    });
}
