//! What remains of an ended connection while writers and lanes are held, and which handles keep a
//! connection open.

use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Duration;

use wskit_driver::{
    Client, Lane, LaneConfig, PollWrite, Reader, Server, Shutdown, WebSocket, Writer,
};
use wskit_frame::{CloseCode, OpCode};
use wskit_handshake::{ClientRequest, OriginPolicy};
use wskit_proto::{Config, Keepalive, Role, SendError, State};
use wskit_test::{Harness, Io, Probe, join, pipe, run, run_timed, timer};

use super::lanes::{PIPE, fill, halves};
use crate::scene::{CAPACITY, ROLES, config, facing};

/// One end of a connection as reader, writer and lane, and the other end.
struct Held<H: Harness> {
    reader: Reader<Io<H>>,
    writers: [Writer<Io<H>>; 2],
    lane: Lane<Io<H>>,
    probe: Probe,
    peer: WebSocket<Io<H>>,
    peer_probe: Probe,
}

async fn held<H: Harness>(role: Role, config: Config) -> Held<H> {
    let (near, far) = pipe(CAPACITY);
    let (client_probe, server_probe) = (near.probe(), far.probe());
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let client = Client::<H::Runtime>::new().config(config.clone());
    let server = Server::<H::Runtime>::new(OriginPolicy::Any)
        .config(config)
        .protocols(["chat"]);
    let (opened, accepted) = join(
        client.handshake(H::stream(near), request.protocol("chat").unwrap()),
        server.accept(H::stream(far)),
    )
    .await;
    let (client, server) = (opened.unwrap().0, accepted.unwrap());
    let (ours, peer, probe, peer_probe) = match role {
        Role::Client => (client, server, client_probe, server_probe),
        Role::Server => (server, client, server_probe, client_probe),
    };
    let (reader, writer) = ours.split();
    Held {
        reader,
        lane: writer.lane(LaneConfig::new()),
        writers: [writer.clone(), writer],
        probe,
        peer,
        peer_probe,
    }
}

/// The transport is dropped, and the remaining handles still return their results.
async fn assert_over<H: Harness>(
    probe: Probe,
    writers: [Writer<Io<H>>; 2],
    mut lane: Lane<Io<H>>,
    is_clean: bool,
) {
    assert!(probe.is_dropped(), "the transport is still there");
    for writer in &writers {
        assert_eq!(writer.state(), State::Closed);
        assert_eq!(writer.outcome().unwrap().is_clean(), is_clean);
        assert_eq!(writer.protocol(), Some("chat"));
        assert_eq!((writer.queued(), writer.buffered().bytes), (0, 0));
        assert_eq!(writer.try_feed("x"), Err(SendError::Closed));
        assert!(writer.send("x").await.unwrap_err().is_closed());
        assert!(writer.reserve().await.unwrap_err().is_closed());
        let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(outcome.is_clean(), is_clean);
        let mut late = writer.lane(LaneConfig::new());
        assert_eq!(late.push("x"), Err(SendError::Closed));
    }
    assert_eq!(lane.push("x"), Err(SendError::Closed));
    assert!(lane.send("x").await.unwrap_err().is_closed());
    assert_eq!(lane.buffered().messages, 0);
}

/// Closed by either end: the reader has received `None`.
pub fn transport_goes_with_a_clean_close_although_writers_live<H: Harness>() {
    for role in ROLES {
        for we_close in [true, false] {
            run::<H>(async {
                let mut held = held::<H>(role, config()).await;
                if we_close {
                    held.writers[0].start_close(CloseCode::NORMAL, "").unwrap();
                } else {
                    held.peer.start_close(CloseCode::NORMAL, "").unwrap();
                }
                let (ours, theirs) = join(held.reader.recv(), held.peer.recv()).await;
                assert_eq!((ours.unwrap(), theirs.unwrap()), (None, None));
                drop(held.reader);
                assert_over::<H>(held.probe, held.writers, held.lane, true).await;
            });
        }
    }
}

/// The peer ends without a Close, resets the connection, breaks a rule: the reader has received the
/// error.
pub fn transport_goes_with_a_failure_although_writers_live<H: Harness>() {
    for role in ROLES {
        for way in 0..3 {
            run::<H>(async {
                let mut held = held::<H>(role, config()).await;
                let mut peer = held.peer;
                match way {
                    0 => drop(peer),
                    1 => held.peer_probe.reset(),
                    _ => {
                        let rubbish = [IoSlice::new(b"\xff\x80\0\0\0\0")];
                        let written = poll_fn(|cx| peer.get_mut().poll_write(cx, &rubbish)).await;
                        assert_eq!(written.unwrap(), 6);
                        drop(peer);
                    }
                }
                held.reader.recv().await.unwrap_err();
                drop(held.reader);
                assert_over::<H>(held.probe, held.writers, held.lane, false).await;
            });
        }
    }
}

/// The peer is silent, or a shutdown gives up.
pub fn transport_goes_with_a_deadline_although_writers_live<H: Harness>() {
    for role in ROLES {
        for give_up in [false, true] {
            run_timed::<H>(async {
                let second = Duration::from_secs(1);
                let keepalive = Keepalive {
                    every: second,
                    answer_within: second,
                };
                let mut held = held::<H>(role, config().keepalive(Some(keepalive))).await;
                if give_up {
                    let shutdown = Shutdown::with_timer(timer::<H>());
                    held.reader.track(&shutdown);
                    let within = Duration::from_millis(500);
                    let (_, received) = join(shutdown.finish(within), held.reader.recv()).await;
                    assert!(received.is_err());
                } else {
                    held.reader.recv().await.unwrap_err();
                }
                drop(held.reader);
                assert_over::<H>(held.probe, held.writers, held.lane, false).await;
            });
        }
    }
}

/// The reader went early, and a writer has seen the end: of its own close, of the peer's, of a peer that
/// has gone.
pub fn transport_goes_when_a_writer_sees_the_end<H: Harness>() {
    for role in ROLES {
        for way in 0..3 {
            run::<H>(async {
                let held = held::<H>(role, config()).await;
                let mut peer = held.peer;
                drop(held.reader);
                assert!(!held.probe.is_dropped());
                let [writer, _] = &held.writers;
                if way == 2 {
                    drop(peer);
                    writer.send("x").await.unwrap_err();
                    // What the peer may have sent before it went was read.
                    let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
                    assert!(!outcome.is_clean());
                } else {
                    if way == 1 {
                        peer.start_close(CloseCode::NORMAL, "").unwrap();
                    }
                    let close = writer.close(CloseCode::NORMAL, "");
                    let (outcome, end) = join(close, peer.recv()).await;
                    assert!(outcome.unwrap().is_clean());
                    assert_eq!(end.unwrap(), None);
                }
                assert_over::<H>(held.probe, held.writers, held.lane, way < 2).await;
            });
        }
    }
}

/// The reader was dropped early, and a lane has seen the end.
pub fn transport_goes_when_a_lane_sees_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let mut held = held::<H>(role, config()).await;
            drop(held.reader);
            held.peer_probe.reset();
            held.lane.send("x").await.unwrap_err();
            assert_over::<H>(held.probe, held.writers, held.lane, false).await;
        });
    }
}

/// The halves of a connection that a handler drops when it returns, in either order.
fn go<H: Harness>(reader: Reader<Io<H>>, writer: Writer<Io<H>>, reader_first: bool) {
    if reader_first {
        drop(reader);
        drop(writer);
    } else {
        drop(writer);
        drop(reader);
    }
}

/// A handler has returned and its lane is still in a list. A connection without a reader would answer
/// no ping and never end, so it sends a Close and ends without waiting for the peer.
pub fn lanes_alone_do_not_keep_a_connection<H: Harness>() {
    for role in ROLES {
        for reader_first in [true, false] {
            run::<H>(async {
                let (mut ws, mut peer, probe) = facing::<H>(role, config());
                let shutdown = Shutdown::with_timer(timer::<H>());
                ws.track(&shutdown);
                let (reader, writer) = ws.split();
                let mut lanes = [(); 2].map(|()| writer.lane(LaneConfig::new()));
                go::<H>(reader, writer, reader_first);
                assert!(probe.is_dropped(), "the transport is still there");
                assert_eq!(shutdown.connections(), 0);
                for lane in &mut lanes {
                    assert_eq!(lane.push("x"), Err(SendError::Closed));
                    assert!(lane.feed("x").await.unwrap_err().is_closed());
                    assert!(lane.send("x").await.unwrap_err().is_closed());
                    assert_eq!((lane.buffered().messages, lane.dropped()), (0, 0));
                }
                peer.expect_close(1001).await;
                peer.expect_end().await;
            });
        }
    }
}

/// What was queued goes first, as before every Close of this side.
pub fn lanes_that_are_left_alone_leave_first<H: Harness>() {
    for role in ROLES {
        for reader_first in [true, false] {
            run::<H>(async {
                let (ws, mut peer, probe) = facing::<H>(role, config());
                let (reader, writer) = ws.split();
                let mut lane = writer.lane(LaneConfig::new());
                writer.feed("queued").await.unwrap();
                lane.feed("last words").await.unwrap();
                go::<H>(reader, writer, reader_first);
                assert!(probe.is_dropped(), "the transport is still there");
                assert_eq!(lane.dropped(), 0);
                peer.expect(OpCode::Text, "queued").await;
                peer.expect(OpCode::Text, "last words").await;
                peer.expect_close(1001).await;
                peer.expect_end().await;
            });
        }
    }
}

/// Nothing waits for a peer that does not read: what it does not take is dropped.
pub fn lanes_that_are_left_alone_do_not_wait<H: Harness>() {
    for role in ROLES {
        for reader_first in [true, false] {
            run::<H>(async {
                let (reader, writer, mut peer, probe) = halves::<H>(role);
                let mut lane = writer.lane(LaneConfig::new());
                fill::<H>(&mut lane, b'l', 50);
                let waiting = lane.buffered().messages as u64;
                assert!(waiting > 0);
                go::<H>(reader, writer, reader_first);
                assert!(probe.is_dropped(), "the transport is still there");
                assert_eq!(lane.push("x"), Err(SendError::Closed));
                assert_eq!((lane.buffered().messages, lane.dropped()), (0, waiting));
                assert_eq!(peer.rest().await.len(), PIPE);
            });
        }
    }
}

/// A writer has ended the connection by its deadline, and the reader is dropped before it reports the end.
pub fn transport_goes_with_a_reader_that_was_not_told<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let (ws, _peer, probe) = facing::<H>(role, config());
            let (reader, writer) = ws.split();
            let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(!outcome.is_clean(), "{outcome:?}");
            drop(reader);
            assert!(probe.is_dropped(), "the transport is still there");
            assert_eq!(writer.outcome(), Some(outcome));
        });
    }
}

/// A reader holds its connection without any writer, and a writer without the reader.
pub fn reader_or_writer_keeps_a_connection_for_its_lanes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (mut reader, writer) = ws.split();
            let mut lane = writer.lane(LaneConfig::new());
            drop(writer);
            lane.send("first").await.unwrap();
            peer.send(peer.frames().text("here")).await;
            assert!(reader.recv().await.unwrap().is_some());
            let writer = reader.writer();
            drop(reader);
            lane.send("second").await.unwrap();
            let other = writer.clone();
            drop(writer);
            lane.send("third").await.unwrap();
            assert!(!probe.is_dropped());
            drop(other);
            assert!(probe.is_dropped());
            for text in ["first", "second", "third"] {
                peer.expect(OpCode::Text, text).await;
            }
            peer.expect_close(1001).await;
            peer.expect_end().await;
        });
    }
}
