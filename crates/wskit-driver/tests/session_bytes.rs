//! Whole sessions as an observer between the two ends sees them: every byte of both directions, parsed by
//! the test's own reader. RFC 6455 §4.1 and §5.3, RFC 7692 §7.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;

use bytes::Bytes;
use wskit_driver::{
    Client, ConnectionError, LaneConfig, OpenError, Priority, Reader, Server, WebSocket, Writer,
};
use wskit_frame::OpCode;
use wskit_handshake::{HandshakeError, OriginPolicy};
use wskit_proto::deflate::Config as Deflate;
use wskit_proto::{CloseCode, Config, Message, MessageKind, Outgoing, PreparedMessage, Role};
use wskit_test::{Executor, Probe, Script, Simulated, SimulatedIo, join, pipe};

type Socket = WebSocket<SimulatedIo>;

/// A frame as it is on the wire.
struct Seen {
    first: u8,
    key: Option<[u8; 4]>,
    payload: Vec<u8>,
}

/// The head of a recording, and the frames behind it, which must end where it ends.
fn read(recording: &[u8]) -> (String, Vec<Seen>) {
    let end = recording
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8(recording[..end].to_vec()).unwrap();
    let (mut rest, mut frames) = (&recording[end..], Vec::new());
    let take = |rest: &mut &[u8], len: usize| -> Vec<u8> {
        let (taken, after) = rest.split_at(len);
        *rest = after;
        taken.to_vec()
    };
    while !rest.is_empty() {
        let start = take(&mut rest, 2);
        let long = match start[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let digits = take(&mut rest, long);
        let len = if long == 0 {
            usize::from(start[1] & 0x7f)
        } else {
            digits
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte))
        };
        let key: Option<[u8; 4]> =
            (start[1] & 0x80 != 0).then(|| take(&mut rest, 4).try_into().unwrap());
        let mut payload = take(&mut rest, len);
        for (byte, mask) in payload
            .iter_mut()
            .zip(key.unwrap_or_default().iter().cycle())
        {
            *byte ^= mask;
        }
        let first = start[0];
        frames.push(Seen {
            first,
            key,
            payload,
        });
    }
    (head, frames)
}

/// Returns the values of all lines of this name in a head.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

async fn open(client: Option<Deflate>, server: Option<Deflate>) -> (Socket, Socket, [Probe; 2]) {
    let (near, far) = pipe(4 << 20);
    let probes = [near.probe(), far.probe()];
    let config = Config::new().fragment_size(std::num::NonZeroUsize::new(30_000));
    let mut connector = Client::<Simulated>::new().config(config.clone());
    if let Some(deflate) = client {
        connector = connector.deflate(deflate);
    }
    let mut acceptor = Server::<Simulated>::new(OriginPolicy::Any).config(config);
    if let Some(deflate) = server {
        acceptor = acceptor.deflate(deflate);
    }
    let (opened, accepted) = join(
        connector.handshake(near, "ws://example.com/"),
        acceptor.accept(far),
    )
    .await;
    (opened.unwrap().0, accepted.unwrap(), probes)
}

/// Sends in every way that there is, on a whole connection and on its halves. Returns what the other end
/// must receive.
async fn send_in_every_way(
    mut ws: Socket,
) -> (Vec<Message>, Reader<SimulatedIo>, Writer<SimulatedIo>) {
    let big = Bytes::from(vec![b'x'; 70_000]);
    let prepared = PreparedMessage::text("prepared");
    let mut sent = Vec::new();
    ws.send("").await.unwrap();
    sent.push(Message::text(""));
    for outgoing in [Outgoing::from("lent"), Outgoing::from(String::from("lent"))] {
        ws.feed(outgoing).await.unwrap();
        sent.push(Message::text("lent"));
    }
    for outgoing in [
        Outgoing::from(&big[..]),
        Outgoing::from(big.to_vec()),
        Outgoing::from(big.clone()),
        Outgoing::from(big.clone()).uncompressed(),
    ] {
        ws.send(outgoing).await.unwrap();
        sent.push(Message::Binary(big.clone()));
    }
    ws.reserve().await.unwrap().send(&prepared);
    sent.push(Message::text("prepared"));
    ws.ping(b"whole").await.unwrap();
    for compress in [true, false] {
        let mut writer = ws.begin(MessageKind::Text).await.unwrap();
        if !compress {
            writer = writer.uncompressed();
        }
        for piece in ["in ", "", "pieces"] {
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap();
        sent.push(Message::text("in pieces"));
    }
    let (reader, writer) = ws.split();
    writer.send("half").await.unwrap();
    writer.reserve().await.unwrap().send("permit");
    writer.try_feed(&prepared).unwrap();
    writer.ping(b"half").await.unwrap();
    let mut lane = writer.lane(LaneConfig::new().priority(Priority::Urgent));
    lane.send("lane").await.unwrap();
    let mut streamed = writer.begin(MessageKind::Binary).await.unwrap();
    streamed.write(&big[..20_000]).await.unwrap();
    streamed.finish().await.unwrap();
    writer.flush().await.unwrap();
    sent.extend(["half", "permit", "prepared", "lane"].map(Message::text));
    sent.push(Message::Binary(big.slice(..20_000)));
    assert!(
        big.iter().all(|byte| *byte == b'x'),
        "the caller's own bytes"
    );
    (sent, reader, writer)
}

/// Receives all of these, in this order.
async fn receive(reader: &mut Reader<SimulatedIo>, expected: &[Message]) {
    for expected in expected {
        let message = reader.recv().await.unwrap().unwrap();
        assert!(message == *expected, "{} bytes", message.as_bytes().len());
    }
}

/// Compressed or not, every frame of a client is masked, also its pings, pongs and its Close, and no two
/// frames have the same key. No frame of a server is masked.
///
/// Proves: R6455-5.1-a, R6455-5.1-c, R6455-5.3-b, R6455-6.1-e, R6455-10.3-a, R6455-10.3-b, R6455-5.5.1-a
#[test]
fn session_is_masked_one_way_only() {
    let mut keys = Vec::new();
    for deflate in [false, true] {
        Executor::new().block_on(async {
            let (ours, theirs) = if deflate {
                (
                    Some(Deflate::client().threshold(0)),
                    Some(Deflate::server().threshold(0)),
                )
            } else {
                (None, None)
            };
            let (client, server, probes) = open(ours, theirs).await;
            assert_eq!(client.deflate().is_some(), deflate);
            let (by_client, mut reader, writer) = send_in_every_way(client).await;
            let (by_server, mut other, other_writer) = send_in_every_way(server).await;
            receive(&mut other, &by_client).await;
            receive(&mut reader, &by_server).await;
            // Pongs that still wait when a Close comes need not be sent.
            writer.flush().await.unwrap();
            other_writer.flush().await.unwrap();
            let ends = join(writer.close(CloseCode::GOING_AWAY, "enough"), async {
                let closed = join(reader.recv(), other.recv()).await;
                assert!(matches!(closed, (Ok(None), Ok(None))));
            });
            assert!(ends.await.0.unwrap().is_clean());

            for (role, probe) in [Role::Client, Role::Server].into_iter().zip(probes) {
                let (_, frames) = read(&probe.written());
                let count = |opcode: u8| {
                    let of_kind = |seen: &&Seen| seen.first & 15 == opcode;
                    frames.iter().filter(of_kind).count()
                };
                // Text, binary, continuation, ping and pong: each way of sending has written its frames.
                let counts = [1, 2, 0, 9, 10].map(count);
                assert!(
                    counts
                        .iter()
                        .zip([8, 5, 6, 2, 1])
                        .all(|(count, least)| *count >= least),
                    "{role:?}: {counts:?}"
                );
                assert_eq!(frames.iter().any(|seen| seen.first & 0x40 != 0), deflate);
                let [closes @ .., last] = &frames[..] else {
                    panic!("no frames")
                };
                assert!(closes.iter().all(|seen| seen.first & 15 != 8));
                assert_eq!(last.first, 0x88);
                assert_eq!(
                    last.payload,
                    [&1001_u16.to_be_bytes()[..], b"enough"].concat()
                );
                let masked = frames.iter().filter(|seen| seen.key.is_some()).count();
                if role == Role::Client {
                    assert_eq!(masked, frames.len(), "all of them");
                    keys.extend(frames.iter().filter_map(|seen| seen.key));
                } else {
                    assert_eq!(masked, 0);
                }
            }
        });
    }
    // A few dozen of 2^32: two equal keys are not to be expected in practice.
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    // No difference between neighbours occurs twice either, as those of a counter would.
    let steps: HashSet<u32> = keys
        .windows(2)
        .map(|pair| u32::from_be_bytes(pair[1]).wrapping_sub(u32::from_be_bytes(pair[0])))
        .collect();
    assert_eq!(steps.len(), keys.len() - 1);
}

/// Proves: R6455-4.1-p, R6455-4.1-o
#[test]
fn every_request_has_a_key_of_its_own() {
    Executor::new().block_on(async {
        let client = Client::<Simulated>::new();
        let mut keys = HashSet::new();
        for _ in 0..200 {
            let (near, far) = pipe(10_000);
            let mut peer = Script::new(far, Role::Server);
            let (refused, key) = join(client.handshake(near, "ws://example.com/"), async {
                let head = peer.head().await;
                let [key] = values(&head, "sec-websocket-key")[..] else {
                    panic!("one key: {head}")
                };
                peer.send("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")
                    .await;
                key.to_owned()
            })
            .await;
            assert!(matches!(
                refused,
                Err(OpenError::Handshake(HandshakeError::Refused(_)))
            ));
            assert_eq!((key.len(), key.ends_with("==")), (24, true));
            keys.insert(key);
        }
        assert_eq!(keys.len(), 200);
        // No character but the last is the same in many of them.
        for at in 0..21 {
            let letters: HashSet<u8> = keys.iter().map(|key| key.as_bytes()[at]).collect();
            assert!(letters.len() > 20, "character {at}");
        }
    });
}

/// Whatever the two ends are configured to ask for, the heads name only the registered extension and its
/// registered parameters.
///
/// Proves: R6455-9.1-d
#[test]
fn heads_name_what_is_registered_only() {
    const PARAMS: [&str; 4] = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    ];
    Executor::new().block_on(async {
        for n in 0_u8..32 {
            let client = (n & 1 != 0).then(|| {
                Deflate::client()
                    .server_no_context_takeover(n & 2 != 0)
                    .client_no_context_takeover(n & 4 != 0)
                    .server_max_window_bits(if n & 8 != 0 { 10 } else { 15 })
                    .client_max_window_bits(9 + n / 8)
            });
            let offered = client.is_some();
            let server = (n & 16 != 0).then(Deflate::server);
            let agreed = offered && server.is_some();
            let (_client, _server, probes) = open(client, server).await;
            for (probe, present) in probes.into_iter().zip([offered, agreed]) {
                let (head, _) = read(&probe.written());
                let lists = values(&head, "sec-websocket-extensions");
                assert_eq!(lists.len(), usize::from(present), "{head}");
                for extension in lists.iter().flat_map(|list| list.split(',')) {
                    let mut parts = extension.split(';').map(str::trim);
                    assert_eq!(parts.next(), Some("permessage-deflate"));
                    for param in parts {
                        let name = param.split('=').next().unwrap();
                        assert!(PARAMS.contains(&name), "{head}");
                    }
                }
            }
        }
    });
}

/// After an offer that is wrong, or that was not accepted, no compression is used. A peer that uses it
/// nevertheless breaks the rules, however late that is.
///
/// Proves: R6455-5.8-a, R7692-7-a, R7692-7-b, R7692-7-c, R7692-7-d
#[test]
fn extension_that_was_declined_stays_out_of_the_session() {
    let offers = [
        (true, "permessage-deflate; unheard_of"),
        (true, "permessage-deflate; server_max_window_bits=16"),
        (
            true,
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        ),
        (true, "permessage-deflate; server_max_window_bits=8"),
        (true, "x-webkit-deflate-frame"),
        (false, "permessage-deflate"),
    ];
    Executor::new().block_on(async {
        for (deflate, offer) in offers {
            let (near, far) = pipe(100_000);
            let probe = near.probe();
            let mut peer = Script::new(far, Role::Client);
            let mut server = Server::<Simulated>::new(OriginPolicy::Any);
            if deflate {
                server = server.deflate(Deflate::server().threshold(0).threshold_without_takeover(0));
            }
            let serve = async {
                let mut ws = server.accept(near).await.unwrap();
                assert_eq!(ws.deflate(), None, "{offer}");
                for _ in 0..20 {
                    let message = ws.recv().await.unwrap().unwrap();
                    ws.send(message).await.unwrap();
                }
                let error = ws.recv().await.unwrap_err();
                assert!(matches!(error, ConnectionError::Protocol(_)), "{offer}: {error:?}");
            };
            let script = async {
                peer.send(format!(
                    "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Extensions: {offer}\r\n\r\n"
                ))
                .await;
                let head = peer.head().await;
                assert!(values(&head, "sec-websocket-extensions").is_empty(), "{head}");
                let text = "again and again ".repeat(20);
                for _ in 0..20 {
                    let frame = peer.frames().text(&text);
                    peer.send(frame).await;
                    peer.expect(OpCode::Text, &text).await;
                }
                // An empty message, compressed: RSV1.
                let mut frame = peer.frames().text("\u{0}");
                frame[0] |= 0x40;
                peer.send(frame).await;
                peer.expect_close(1002).await;
                peer.hang_up();
            };
            join(serve, script).await;
            let (_, frames) = read(&probe.written());
            assert!(frames.iter().all(|seen| seen.first & 0x70 == 0), "{offer}");
        }
    });
}
