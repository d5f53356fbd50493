//! Streamed messages: compressed, larger than the memory there is, and as streams of bytes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::task::{Context, Poll};

use proptest::collection::vec;
use proptest::prelude::*;
use wskit_driver::{ByteStream, Client, ConnectionError, Server, WebSocket};
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Config, MessageKind, Role, SendError, deflate};
use wskit_test::alloc::{self, Counting};
use wskit_test::{Executor, Probe, Simulated, SimulatedIo, join, pipe};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Socket = WebSocket<SimulatedIo>;

/// Returns a client and a server, and probes of what each writes.
async fn open(config: Config, compressed: bool) -> (Socket, Socket, Probe, Probe) {
    let (near, far) = pipe(64 << 10);
    let probes = (near.probe(), far.probe());
    let mut client = Client::<Simulated>::new().config(config.clone());
    let mut server = Server::<Simulated>::new(OriginPolicy::Any).config(config);
    if compressed {
        client = client.deflate(deflate::Config::client());
        server = server.deflate(deflate::Config::server());
    }
    let (client, server) = join(
        client.handshake(near, "ws://example.com/"),
        server.accept(far),
    )
    .await;
    probes.0.forget_written();
    probes.1.forget_written();
    (client.unwrap().0, server.unwrap(), probes.0, probes.1)
}

fn quiet() -> Config {
    Config::new().keepalive(None)
}

/// Returns the first byte and the length of every frame.
fn frames(mut wire: &[u8]) -> Vec<(u8, usize)> {
    let mut frames = Vec::new();
    while let [first, second, ..] = *wire {
        let (size, len) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([wire[2], wire[3]]))),
            127 => panic!("a frame of 64 KiB or more"),
            len => (2, usize::from(len)),
        };
        let size = size + if second & 0x80 == 0 { 0 } else { 4 };
        frames.push((first, len));
        wire = &wire[size + len..];
    }
    frames
}

/// Returns a row as from a database. Rows are written one by one, before the whole is known.
fn row(at: usize) -> String {
    format!(
        "{{\"id\":{at},\"na\u{ef}ve\":\"\u{1d11e}{}\"}}\n",
        at * 7919
    )
}

/// Proves: R7692-6-a, R7692-6-b, R7692-6-e, R6455-5.6-a
#[test]
fn streamed_text_is_compressed_and_comes_in_pieces() {
    const ROWS: usize = 20_000;
    for from in [Role::Client, Role::Server] {
        Executor::new().block_on(async {
            let limits = quiet().max_message_size(1 << 30);
            let (client, server, mine, theirs) = open(limits, true).await;
            let (near, far, probe) = match from {
                Role::Client => (client, server, mine),
                Role::Server => (server, client, theirs),
            };
            let (_reader, writer) = near.split();
            let (mut reader, _writer) = far.split();
            let mut plain = 0;
            let send = async {
                for round in 0..2 {
                    let mut message = writer.begin(MessageKind::Text).await.unwrap();
                    for at in 0..ROWS {
                        let row = row(at);
                        // Cut inside a character now and then.
                        let cut = at % row.len();
                        message.write(&row.as_bytes()[..cut]).await.unwrap();
                        message.write(&row.as_bytes()[cut..]).await.unwrap();
                        plain += row.len();
                    }
                    message.finish().await.unwrap();
                    writer.send(format!("after {round}")).await.unwrap();
                }
            };
            let receive = async {
                for round in 0..2 {
                    let expected: String = (0..ROWS).map(row).collect();
                    let (mut got, mut pieces) = (0, 0);
                    loop {
                        let piece = reader.recv_piece().await.unwrap().unwrap();
                        assert_eq!((piece.kind, piece.first), (MessageKind::Text, got == 0));
                        assert!(piece.data == &expected.as_bytes()[got..][..piece.data.len()]);
                        got += piece.data.len();
                        pieces += 1;
                        if piece.last {
                            break;
                        }
                    }
                    assert!(got == expected.len() && pieces > 20, "{pieces} pieces");
                    let after = reader.recv().await.unwrap().unwrap();
                    assert_eq!(after.as_text(), Some(&*format!("after {round}")));
                }
            };
            join(send, receive).await;
            let wire = probe.written();
            assert!(
                wire.len() < plain * 2 / 3,
                "{} of {plain} bytes",
                wire.len()
            );
            let frames = frames(&wire);
            let (first, rest) = frames.split_first().unwrap();
            assert_eq!(first.0, 0x41, "RSV1 and text, not the last");
            let end = rest.iter().position(|frame| frame.0 & 0x80 != 0).unwrap();
            assert!(end > 5 && rest[..end].iter().all(|frame| frame.0 == 0));
            assert_eq!(
                (rest[end].0, rest[end + 1].0),
                (0x80, 0x81),
                "then a short one"
            );
            assert!(frames.iter().all(|frame| frame.1 <= 16 << 10));
        });
    }
}

/// Proves: R7692-6-d
#[test]
fn streamed_message_may_go_uncompressed() {
    Executor::new().block_on(async {
        let (mut client, mut server, probe, _) = open(quiet(), true).await;
        let text = "again and ".repeat(1000);
        for uncompressed in [true, false, true] {
            probe.forget_written();
            let mut message = client.begin(MessageKind::Text).await.unwrap();
            if uncompressed {
                message = message.uncompressed();
            }
            message.write(&text).await.unwrap();
            message.finish().await.unwrap();
            assert_eq!(probe.written().len() > text.len(), uncompressed);
            let got = server.recv().await.unwrap().unwrap();
            assert_eq!(got.as_text(), Some(&*text));
        }
    });
}

/// A compressed message that is dropped halfway closes the connection as any other does, and invalid text
/// is refused before it is compressed.
///
/// Proves: R6455-5.6-a
#[test]
fn compressed_message_is_checked_and_given_up_as_others() {
    Executor::new().block_on(async {
        let (mut client, mut server, ..) = open(quiet(), true).await;
        let mut message = client.begin(MessageKind::Text).await.unwrap();
        message.write("good").await.unwrap();
        assert!(matches!(
            message.write(b"\xff").await,
            Err(ConnectionError::Send(SendError::InvalidUtf8))
        ));
        drop(message);
        let (client, server) = join(
            async { (client.recv().await.unwrap(), client.outcome().unwrap()) },
            async { server.recv().await.unwrap() },
        )
        .await;
        assert_eq!((client.0, server), (None, None));
        assert_eq!(client.1.sent, Some(Some(CloseCode::INTERNAL_ERROR)));
    });
}

/// A message of 64 MiB passes through less than two MiB of memory.
///
/// Proves: X-mem-1, X-io-3
#[test]
fn large_message_passes_through_little_memory() {
    const CHUNK: usize = 32 << 10;
    for (compressed, chunks) in [(false, 2048), (true, 256)] {
        let rise = alloc::rise(|| {
            Executor::new().block_on(async {
                let limits = quiet().max_message_size(usize::MAX);
                let (client, mut server, probe, _) = open(limits, compressed).await;
                let chunk: Vec<u8> = (0..CHUNK).map(|at| ((at * at) >> 5) as u8).collect();
                let (_reader, writer) = client.split();
                let send = async {
                    let mut message = writer.begin(MessageKind::Binary).await.unwrap();
                    for _ in 0..chunks {
                        message.write(&chunk).await.unwrap();
                    }
                    message.finish().await.unwrap();
                };
                let receive = async {
                    let mut got = 0;
                    loop {
                        let piece = server.recv_piece().await.unwrap().unwrap();
                        let at = got % CHUNK;
                        let first = piece.data.len().min(CHUNK - at);
                        assert!(piece.data[..first] == chunk[at..at + first]);
                        got += piece.data.len();
                        probe.forget_written();
                        if piece.last {
                            break;
                        }
                    }
                    assert_eq!(got, chunks * CHUNK);
                };
                join(send, receive).await;
            });
        });
        assert!(rise < 2 << 20, "compressed: {compressed}, {rise} bytes");
    }
}

/// One operation on a stream.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Flush,
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_000_usize).prop_map(Step::Write),
        1 => Just(Step::Flush),
        3 => (1..20_000_usize).prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Writes and reads of any size at both ends of any pipe, with and without compression, return the
    /// bytes that were written.
    ///
    /// Proves: R6455-5.4-k, R6455-5.6-b
    #[test]
    fn any_writes_come_out_as_the_same_bytes(
        here in vec(step(), 0..40),
        there in vec(step(), 0..40),
        high_water in 1..50_000_usize,
        compressed in any::<bool>(),
    ) {
        Executor::new().block_on(async {
            let (client, server, ..) = open(quiet().write_high_water(high_water), compressed).await;
            let (here, there) = join(
                drive(client, &here, size(&there)),
                drive(server, &there, size(&here)),
            )
            .await;
            assert!(here.0 == there.1 && there.0 == here.1);
        });
    }
}

/// Bytes written in all.
fn size(steps: &[Step]) -> usize {
    let written = steps.iter().map(|step| match step {
        Step::Write(len) => *len,
        _ => 0,
    });
    written.sum()
}

/// Takes the steps, then reads until `expected` bytes have come. Returns what was written and read. It
/// reads while it waits, because two peers that only write would wait for each other. It also returns
/// the stream, so that the peer that is done first does not drop the connection.
async fn drive(ws: Socket, steps: &[Step], expected: usize) -> (Vec<u8>, Vec<u8>, impl Sized) {
    let mut stream = ByteStream::new(ws);
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    let mut buf = vec![0; 20_000];
    let mut read = |stream: &mut ByteStream<_>, cx: &mut Context<'_>, most: usize| {
        let mut most = most;
        while got.len() < expected && most > 0 {
            let to = most.min(buf.len());
            let Poll::Ready(n) = stream.poll_read(cx, &mut buf[..to]) else {
                return false;
            };
            let n = n.unwrap();
            assert!(n > 0, "an end before the end");
            got.extend_from_slice(&buf[..n]);
            most -= n;
        }
        got.len() == expected
    };
    for step in steps {
        match *step {
            Step::Write(len) => {
                let data: Vec<u8> = (0..len).map(|at| ((sent.len() + at) % 251) as u8).collect();
                let mut rest = &data[..];
                while !rest.is_empty() {
                    let n = poll_fn(|cx| {
                        read(&mut stream, cx, usize::MAX);
                        stream.poll_write(cx, rest)
                    })
                    .await
                    .unwrap();
                    rest = &rest[n..];
                }
                sent.extend(data);
            }
            Step::Flush => {
                let flush = poll_fn(|cx| {
                    read(&mut stream, cx, usize::MAX);
                    stream.poll_flush(cx)
                });
                flush.await.unwrap();
            }
            Step::Read(most) => {
                poll_fn(|cx| Poll::Ready(read(&mut stream, cx, most))).await;
            }
        }
    }
    poll_fn(|cx| {
        let all = read(&mut stream, cx, usize::MAX);
        match stream.poll_flush(cx) {
            Poll::Ready(flushed) if all => Poll::Ready(flushed),
            Poll::Ready(flushed) => {
                flushed.unwrap();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
    .unwrap();
    (sent, got, stream)
}
