//! Counters are exact, and observers are told once of everything.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use wskit_driver::{
    Client, Ended, LaneConfig, Metrics, Observed, Observer, Server, Traffic, WebSocket,
};
use wskit_frame::OpCode;
use wskit_handshake::OriginPolicy;
use wskit_proto::{
    Cause, CloseCode, Config, Keepalive, MessageKind, Outgoing, PreparedMessage, Role, deflate,
};
use wskit_test::{Executor, Script, Simulated, SimulatedIo, join, pipe, wrap};

type Socket = WebSocket<SimulatedIo>;

fn socket(end: wskit_test::PipeEnd, role: Role, config: Config) -> Socket {
    WebSocket::from_parts(wrap::<Simulated>(end), role, Bytes::new(), config)
}

fn counts(traffic: Traffic) -> [u64; 4] {
    [
        traffic.frames,
        traffic.messages,
        traffic.wire_bytes,
        traffic.payload_bytes,
    ]
}

#[test]
fn counters_tell_frames_messages_and_bytes() {
    Executor::new().block_on(async {
        let (near, far) = pipe(1 << 20);
        let probe = near.probe();
        let mut server = socket(near, Role::Server, Config::new());
        let counters = server.counters().clone();
        assert_eq!(counters.read(), Metrics::default());
        let mut peer = Script::new(far, Role::Client);
        let frames = peer.frames();
        let mut sent = [
            frames.text("hello"),
            frames.binary(b""),
            frames.ping(b"1234"),
            frames.fragments(&["ab", "", "cde"]),
            frames.binary(&vec![7; 70_000]),
        ]
        .concat();
        peer.send(&sent).await;
        for _ in 0..4 {
            let message = server.recv().await.unwrap().unwrap();
            server.send(message).await.unwrap();
        }
        // Frames: 1 + 1 + ping + 3 + 1.
        let received = counters.read().received;
        assert_eq!(counts(received), [7, 4, sent.len() as u64, 70_010]);
        // The echoes, each in one frame, and the pong.
        let answered = counters.read().sent;
        assert_eq!(
            counts(answered),
            [5, 4, probe.written().len() as u64, 70_010]
        );
        assert_eq!((answered.deflated_bytes, received.inflated_bytes), (0, 0));

        // The same handle counts on after a split.
        let (mut reader, writer) = server.split();
        writer.send("x").await.unwrap();
        let more = frames.text("more");
        sent.extend(&more);
        peer.send(more).await;
        reader.recv().await.unwrap().unwrap();
        let metrics = counters.read();
        assert_eq!(counts(metrics.received), [8, 5, sent.len() as u64, 70_014]);
        assert_eq!(
            counts(metrics.sent),
            [6, 5, probe.written().len() as u64, 70_011]
        );
    });
}

#[test]
fn pieces_count_as_they_come_and_the_message_at_its_end() {
    Executor::new().block_on(async {
        let (near, far) = pipe(1 << 20);
        let mut server = socket(near, Role::Server, Config::new());
        let mut peer = Script::new(far, Role::Client);
        let frames = peer.frames();
        peer.send(frames.frame(OpCode::Text, false, b"abc")).await;
        assert!(!server.recv_piece().await.unwrap().unwrap().last);
        assert_eq!(counts(server.counters().read().received), [1, 0, 9, 3]);
        peer.send(frames.frame(OpCode::Continuation, true, b"de"))
            .await;
        assert!(server.recv_piece().await.unwrap().unwrap().last);
        assert_eq!(counts(server.counters().read().received), [2, 1, 17, 5]);

        let mut message = server.begin(MessageKind::Binary).await.unwrap();
        message.write(b"12").await.unwrap();
        message.flush().await.unwrap();
        message.write(b"345").await.unwrap();
        message.finish().await.unwrap();
        server.flush().await.unwrap();
        let sent = server.counters().read().sent;
        assert_eq!((sent.messages, sent.payload_bytes), (1, 5));
        let written = peer.bytes(sent.wire_bytes as usize).await;
        let on_the_wire = wskit_test::Frame::parse_all(Role::Server, &written);
        assert_eq!(sent.frames, on_the_wire.len() as u64);
    });
}

#[test]
fn queue_depth_is_what_the_socket_did_not_take() {
    Executor::new().block_on(async {
        let (near, far) = pipe(100);
        let mut server = socket(near, Role::Server, Config::new());
        let counters = server.counters().clone();
        assert!(wskit_test::once(server.send(&[0; 1000])).await.is_none());
        let metrics = counters.read();
        assert_eq!((metrics.sent.wire_bytes, metrics.queued), (100, 904));
        let mut peer = Script::new(far, Role::Client);
        join(async { server.flush().await.unwrap() }, async {
            peer.bytes(1004).await;
        })
        .await;
        assert_eq!(counters.read().queued, 0);
    });
}

/// Both ends of a connection that compresses.
async fn compressed() -> (Socket, Socket) {
    let eager = |config: deflate::Config| config.threshold(0).threshold_without_takeover(0);
    let (near, far) = pipe(1 << 20);
    let client = Client::<Simulated>::new().deflate(eager(deflate::Config::client()));
    let server =
        Server::<Simulated>::new(OriginPolicy::Any).deflate(eager(deflate::Config::server()));
    let (opened, accepted) = join(
        client.handshake(near, "ws://example.com/"),
        server.accept(far),
    )
    .await;
    (opened.unwrap().0, accepted.unwrap())
}

#[test]
fn compression_counts_what_goes_in_and_what_comes_out() {
    Executor::new().block_on(async {
        let (mut client, mut server) = compressed().await;
        let text = "again and again ".repeat(500);
        let prepared = PreparedMessage::text(&text);
        client.send(&text).await.unwrap();
        server.recv().await.unwrap().unwrap();
        server.send(&prepared).await.unwrap();
        client.recv().await.unwrap().unwrap();
        client
            .send(Outgoing::from("as it is").uncompressed())
            .await
            .unwrap();
        server.recv().await.unwrap().unwrap();

        let (out, back) = (client.counters().read(), server.counters().read());
        assert_eq!(out.sent, back.received);
        assert_eq!(back.sent, out.received);
        assert_eq!(
            counts(out.sent)[..2],
            [2, 2],
            "one frame a message: {:?}",
            out.sent
        );
        assert_eq!(out.sent.payload_bytes, 8008);
        for traffic in [out.sent, back.sent] {
            assert_eq!(traffic.inflated_bytes, 8000);
            assert!((1..200).contains(&traffic.deflated_bytes), "{traffic:?}");
        }
        // RFC 6455 §5.2: 2 bytes of head, 2 more from 126 bytes on, 4 more where it is masked.
        let head = |len: u64| if len > 125 { 4 } else { 2 };
        let deflated = out.sent.deflated_bytes;
        assert_eq!(
            out.sent.wire_bytes,
            head(deflated) + 4 + deflated + 2 + 4 + 8
        );
        let deflated = back.sent.deflated_bytes;
        assert_eq!(back.sent.wire_bytes, head(deflated) + deflated);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is sent, both ends count the same, and as many bytes as were written.
    #[test]
    fn both_ends_count_the_same(
        sizes in prop::collection::vec(prop_oneof![0_usize..300, 0_usize..70_000], 1..12),
        fragment in prop::option::of(1_usize..40_000),
        deflated: bool,
    ) {
        Executor::new().block_on(async {
            let (mut client, mut server) = if deflated {
                compressed().await
            } else {
                let config = Config::new().fragment_size(fragment.and_then(NonZeroUsize::new));
                let (near, far) = pipe(1 << 20);
                (socket(near, Role::Client, config.clone()), socket(far, Role::Server, config))
            };
            let total: usize = sizes.iter().sum();
            for (at, size) in sizes.iter().enumerate() {
                let data: Vec<u8> = (0..*size).map(|at| b'a' + (at % 23) as u8).collect();
                if at % 3 == 0 {
                    client.ping(b"?").await.unwrap();
                }
                if at % 2 == 0 {
                    client.send(std::str::from_utf8(&data).unwrap()).await.unwrap();
                } else {
                    // What hardly compresses takes several frames and reads.
                    let mixed = |(at, _): (usize, &u8)| {
                        let x = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        ((x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8
                    };
                    client.send(data.iter().enumerate().map(mixed).collect::<Vec<_>>()).await.unwrap();
                }
                let message = server.recv().await.unwrap().unwrap();
                server.send(message).await.unwrap();
                client.recv().await.unwrap().unwrap();
            }
            let (out, back) = (client.counters().read(), server.counters().read());
            assert_eq!(out.sent, back.received);
            assert_eq!(back.sent, out.received);
            assert_eq!(out.sent.messages, sizes.len() as u64);
            assert_eq!(out.sent.payload_bytes, total as u64);
            assert_eq!((out.queued, back.queued), (0, 0));
        });
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Log(Mutex<Vec<String>>, Mutex<Vec<u64>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Log {
    fn opened(&self, connection: &Observed<'_>) {
        self.note(format!("{:?} opened", connection.role));
        let mut ids = self.1.lock().unwrap();
        assert!(connection.id > 0 && !ids.contains(&connection.id));
        ids.push(connection.id);
    }

    fn refused(&self, role: Role, error: &(dyn std::error::Error + 'static)) {
        self.note(format!("{role:?} refused: {error}"));
    }

    fn round_trip(&self, connection: &Observed<'_>, time: Duration) {
        self.note(format!("{:?} round trip {time:?}", connection.role));
    }

    fn ended(&self, connection: &Observed<'_>, end: &Ended<'_>) {
        let Observed { role, counters, .. } = connection;
        assert_eq!(end.metrics, counters.read());
        assert!(self.1.lock().unwrap().contains(&connection.id));
        let how = end.outcome.map(|outcome| outcome.code().get());
        let messages = end.metrics.received.messages;
        self.note(format!(
            "{role:?} ended {how:?} after {:?} and {messages} messages",
            end.lasted
        ));
    }
}

#[test]
fn observer_is_told_of_opening_round_trip_and_end() {
    Executor::new().block_on(async {
        let log = Arc::new(Log::default());
        let keepalive = Keepalive {
            every: Duration::from_secs(20),
            answer_within: Duration::from_secs(20),
        };
        let config = Config::new().keepalive(Some(keepalive));
        let (near, far) = pipe(1 << 20);
        let client = Client::<Simulated>::new()
            .config(config.clone())
            .observer(log.clone());
        let server = Server::<Simulated>::new(OriginPolicy::Any).config(config.keepalive(None));
        let (opened, accepted) = join(
            client.handshake(near, "ws://example.com/"),
            server.accept(far),
        )
        .await;
        let (mut client, mut server) = (opened.unwrap().0, accepted.unwrap());
        assert_eq!(log.take(), ["Client opened"]);
        let receiving = async {
            assert_eq!(
                client.recv().await.unwrap().unwrap().as_text(),
                Some("late")
            );
            client.close(CloseCode::NORMAL, "").await.unwrap();
        };
        let serving = async {
            // The first ping is answered at once, the second when the server comes back.
            assert!(wskit_test::once(server.recv()).await.is_none());
            for _ in 0..4 {
                wskit_test::sleep::<Simulated>(Duration::from_millis(7_500)).await;
                assert!(wskit_test::once(server.recv()).await.is_none());
            }
            server.send("late").await.unwrap();
            assert!(server.recv().await.unwrap().is_none());
        };
        join(receiving, serving).await;
        assert_eq!(
            log.take(),
            [
                "Client round trip 2.5s",
                "Client ended Some(1000) after 30s and 1 messages"
            ]
        );
        drop(client);
        assert!(log.take().is_empty(), "told once");
    });
}

#[test]
fn observer_is_told_of_every_other_ending_once() {
    let log = Arc::new(Log::default());
    let server = Server::<Simulated>::new(OriginPolicy::SameOrigin).observer(log.clone());
    let request = "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
                   Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    Executor::new().block_on(async {
        // Refused: no key; a page of another origin.
        for (head, expected) in [
            (
                "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
                None,
            ),
            (
                &*format!("{request}Origin: http://evil.example\r\n\r\n"),
                Some("Server refused: a page of an origin that is not allowed was refused"),
            ),
        ] {
            let (near, far) = pipe(1 << 20);
            let mut peer = Script::new(far, Role::Client);
            peer.send(head).await;
            peer.finish().await;
            assert!(server.accept(near).await.is_err());
            let told = log.take();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("Server refused: "), "{told:?}");
            assert!(
                expected.is_none_or(|expected| told[0] == expected),
                "{told:?}"
            );
        }
        // Ended: dropped whole, dropped in halves, gone, broken.
        for way in 0..4 {
            let (near, far) = pipe(1 << 20);
            let mut peer = Script::new(far, Role::Client);
            peer.send(format!("{request}\r\n")).await;
            let mut ws = server.accept(near).await.unwrap();
            let code = match way {
                0 => {
                    drop(ws);
                    "None"
                }
                1 => {
                    let (reader, writer) = ws.split();
                    drop(reader);
                    assert_eq!(log.take(), ["Server opened"]);
                    drop(writer);
                    log.note("Server opened".into());
                    log.0.lock().unwrap().swap(0, 1);
                    "None"
                }
                2 => {
                    peer.hang_up();
                    assert!(ws.recv().await.is_err());
                    "Some(1006)"
                }
                _ => {
                    peer.send(b"\xff\x80\x00\x00\x00\x00").await;
                    peer.finish().await;
                    assert!(ws.recv().await.is_err());
                    assert!(matches!(ws.outcome().unwrap().cause, Cause::Protocol(_)));
                    "Some(1006)"
                }
            };
            let expected = format!("Server ended {code} after 0ns and 0 messages");
            assert_eq!(log.take(), ["Server opened".to_owned(), expected], "{way}");
        }
    });
}

/// One that is made of a transport is observed if it is asked to be.
#[test]
fn connection_without_a_handshake_can_be_observed() {
    Executor::new().block_on(async {
        let log = Arc::new(Log::default());
        let (near, _far) = pipe(100);
        drop(socket(near, Role::Client, Config::new()).observer(log.clone()));
        let (near, _far) = pipe(100);
        drop(socket(near, Role::Client, Config::new()));
        assert_eq!(
            log.take(),
            [
                "Client opened",
                "Client ended None after 0ns and 0 messages"
            ]
        );
    });
}

/// Lanes alone do not keep a connection: it ends with its halves, and that is told then.
#[test]
fn connection_that_is_left_to_its_lanes_is_told_to_have_ended() {
    for reader_first in [true, false] {
        Executor::new().block_on(async {
            let log = Arc::new(Log::default());
            let (near, _far) = pipe(100);
            let ws = socket(near, Role::Server, Config::new()).observer(log.clone());
            let (reader, writer) = ws.split();
            let lane = writer.lane(LaneConfig::new());
            if reader_first {
                drop(reader);
                drop(writer);
            } else {
                drop(writer);
                drop(reader);
            }
            let told = log.take();
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told[1].starts_with("Server ended"), "{told:?}");
            drop(lane);
            assert!(log.take().is_empty(), "told once");
        });
    }
}
