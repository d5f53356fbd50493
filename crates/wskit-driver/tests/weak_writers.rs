//! Weak writers: handles that do not keep a connection.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_sink::Sink;
use wskit_driver::{
    LaneConfig, PollRead, PollWrite, Reader, Transport, WeakWriter, WebSocket, Writer,
};
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

/// A transport whose halves cannot be joined.
struct Unjoinable(SimulatedIo);

impl PollRead for Unjoinable {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl PollWrite for Unjoinable {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, chunks)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

impl Transport for Unjoinable {
    type Read = <SimulatedIo as Transport>::Read;
    type Write = <SimulatedIo as Transport>::Write;
    type Timer = <SimulatedIo as Transport>::Timer;

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }

    fn into_split(self) -> (Self::Read, Self::Write) {
        self.0.into_split()
    }
}

/// The weak writers of a room must not end because `reunite` has been tried. A sink also goes on.
#[test]
fn weak_writers_live_on_when_the_transport_cannot_be_joined() {
    Executor::new().block_on(async {
        let (near, far) = pipe(8);
        let io = Unjoinable(wrap::<Simulated>(near));
        let config = Config::new().keepalive(None);
        let (reader, mut writer) =
            WebSocket::from_parts(io, Role::Server, Bytes::new(), config).split();
        let mut peer = Script::new(far, Role::Client);
        let (weak, any) = (writer.downgrade(), writer.downgrade().erase());
        // A sink has sent what the pipe has no room for.
        poll_fn(|cx| Pin::new(&mut writer).poll_ready(cx))
            .await
            .unwrap();
        let long = Message::text("longer than the pipe");
        Pin::new(&mut writer).start_send(long).unwrap();
        assert!(
            once(poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)))
                .await
                .is_none()
        );

        let error = reader.reunite(writer).unwrap_err();
        let (mut reader, mut writer) = error.into_halves();
        let flushed = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx));
        let (flushed, ()) = join(flushed, peer.expect(OpCode::Text, "longer than the pipe")).await;
        flushed.unwrap();
        weak.upgrade().unwrap().send("one").await.unwrap();
        peer.expect(OpCode::Text, "one").await;
        any.upgrade().unwrap().send("two").await.unwrap();
        peer.expect(OpCode::Text, "two").await;
        peer.send(peer.frames().text("in")).await;
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("in")));
        // The halves are the owners, as before.
        drop((reader, writer));
        assert!(weak.upgrade().is_none());
        peer.expect_end().await;
    });
}
