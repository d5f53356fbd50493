//! RFC 7692 §6 with a toy compression: what it asks of any compression.

use std::time::Instant;

use super::{Decoder, Encoder, spike};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::ProtocolError;
use crate::event::Event;
use crate::inbound::{Delivery, Inbound, ReadBuf};
use crate::keys::MaskKeys;
use crate::message::MessageKind;
use crate::outbound::Outbound;
use crate::outgoing::Outgoing;
use crate::role::Role;

const KEY: [u8; 4] = [0x11, 0x80, 0x7f, 0xee];

/// Returns an end that compresses in both directions.
fn open(role: Role, config: Config) -> (Inbound, Outbound) {
    let connection = match role {
        Role::Server => Connection::server(config, now()),
        Role::Client => Connection::client(config, MaskKeys::new(|| KEY), now()),
    };
    let (mut inbound, mut outbox) = connection.split();
    inbound.set_decoder(Decoder::Spike(spike::Expand::default()));
    outbox.set_encoder(Encoder::Spike(spike::Shrink::default()));
    (inbound, outbox)
}

/// An end, and the one that it talks to.
const PAIRS: [(Role, Role); 2] = [(Role::Server, Role::Client), (Role::Client, Role::Server)];

/// Returns the current time, on which nothing here depends.
fn now() -> Instant {
    let clock: fn() -> Instant = Instant::now;
    clock()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Message(MessageKind, Vec<u8>),
    Piece {
        first: bool,
        last: bool,
        data: Vec<u8>,
    },
    Ping,
    Error(ProtocolError),
}

fn poll(inbound: &mut Inbound, outbox: &mut Outbound) -> Vec<Got> {
    let mut got = Vec::new();
    loop {
        got.push(match inbound.next(outbox, now) {
            Ok(None) => return got,
            Ok(Some(Event::Message(span))) => {
                let message = inbound.message(span);
                Got::Message(message.kind(), message.as_bytes().to_vec())
            }
            Ok(Some(Event::Piece(piece))) => {
                let piece = inbound.piece(piece);
                Got::Piece {
                    first: piece.first,
                    last: piece.last,
                    data: piece.data.to_vec(),
                }
            }
            Ok(Some(Event::Ping(_))) => Got::Ping,
            Ok(Some(other)) => panic!("{other:?}"),
            Err(error) => Got::Error(error),
        });
    }
}

fn give(inbound: &mut Inbound, bytes: &[u8]) {
    match inbound.read_buf() {
        ReadBuf::Slab(slab) => {
            slab[..bytes.len()].copy_from_slice(bytes);
            inbound.filled(bytes.len());
        }
        ReadBuf::Large(_) => panic!("a compressed message is not read into its own buffer"),
    }
}

fn feed(end: &mut (Inbound, Outbound), bytes: &[u8], size: usize) -> Vec<Got> {
    let mut got = Vec::new();
    for chunk in bytes.chunks(size.min(8 << 10)) {
        give(&mut end.0, chunk);
        got.extend(poll(&mut end.0, &mut end.1));
    }
    got
}

fn output(outbox: &mut Outbound) -> Vec<u8> {
    let mut output = Vec::new();
    while !outbox.is_empty() {
        let chunk = outbox.chunk().to_vec();
        outbox.advance(chunk.len());
        output.extend(chunk);
    }
    output
}

/// Returns a frame to a server, or to a client.
fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    let bit = if role == Role::Server { 0x80 } else { 0 };
    let mut frame = match u8::try_from(len) {
        Ok(short) if short <= 125 => vec![first, bit | short],
        _ => [&[first, bit + 126][..], &len.to_be_bytes()].concat(),
    };
    match role {
        Role::Server => {
            frame.extend(KEY);
            let masked = payload.iter().zip(KEY.iter().cycle());
            frame.extend(masked.map(|(byte, key)| byte ^ key));
        }
        Role::Client => frame.extend(payload),
    }
    frame
}

/// Returns the frames of a server's output: first byte and payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, code, rest @ ..] = bytes {
        let (len, rest) = match code {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("a frame of a compressed message is cut at the size of a buffer"),
            short => (usize::from(*short), rest),
        };
        frames.push((*first, rest[..len].to_vec()));
        bytes = &rest[len..];
    }
    frames
}

fn binary(data: &[u8]) -> Got {
    Got::Message(MessageKind::Binary, data.to_vec())
}

/// Proves: R7692-6-a, R7692-6-b, R7692-6-d
#[test]
fn rsv1_stands_on_the_first_frame_of_a_compressed_message_only() {
    let (_, mut outbox) = open(Role::Server, Config::new());
    outbox.feed("aaab").unwrap();
    outbox.feed(Outgoing::from("aaab").uncompressed()).unwrap();
    outbox.feed(&b""[..]).unwrap();
    outbox.ping(b"plain").unwrap();
    let expected = [
        (0x89, b"plain".to_vec()),
        (0xc1, vec![3, b'a', 1, b'b', 0]),
        (0x81, b"aaab".to_vec()),
        (0xc2, vec![0]),
    ];
    assert_eq!(frames(&output(&mut outbox)), expected);
    // 20,000 different neighbours make 40,001 bytes: three frames of 16 KiB at most.
    let noise: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
    outbox.feed(&noise).unwrap();
    let sent = frames(&output(&mut outbox));
    assert_eq!(
        sent.iter().map(|(first, _)| *first).collect::<Vec<_>>(),
        [0x42, 0x00, 0x80]
    );
    assert!(sent.iter().all(|(_, payload)| payload.len() <= 16 << 10));
}

/// Proves: R7692-6-c
#[test]
fn rsv1_elsewhere_fails_the_connection() {
    for role in [Role::Server, Role::Client] {
        for first in [0xc0, 0x40, 0xc8, 0xc9, 0xca] {
            let mut end = open(role, Config::new());
            let got = feed(&mut end, &frame(role, first, b""), 99);
            assert!(
                matches!(got[..], [Got::Error(ProtocolError::Frame(_))]),
                "{first:x} {got:?}"
            );
        }
    }
}

/// Proves: R7692-6-d
#[test]
fn compressed_and_plain_messages_mix() {
    for role in [Role::Server, Role::Client] {
        let mut end = open(role, Config::new());
        let session = [
            frame(role, 0xc2, &[3, b'a', 0]),
            frame(role, 0x82, &[3, b'a', 0]),
            frame(role, 0x42, &[2]),
            frame(role, 0x80, &[b'b', 0]),
            frame(role, 0xc2, &[0]),
        ]
        .concat();
        let expected = [
            binary(b"aaa"),
            binary(&[3, b'a', 0]),
            binary(b"bb"),
            binary(b""),
        ];
        assert_eq!(feed(&mut end, &session, 8 << 10), expected);
    }
}

/// Proves: R7692-6-a, R7692-6-b
#[test]
fn every_message_comes_back() {
    let messages: [Vec<u8>; 5] = [
        vec![],
        vec![1],
        vec![7; 1000],
        (0..10_000_u32).map(|i| (i % 200) as u8).collect(),
        vec![9; 300_000],
    ];
    for (role, other) in PAIRS {
        for message in &messages {
            let (_, mut outbox) = open(role, Config::new());
            outbox.feed(message.clone()).unwrap();
            let bytes = output(&mut outbox);
            for size in [1, 7, 5000] {
                assert!(
                    feed(&mut open(other, Config::new()), &bytes, size) == [binary(message)],
                    "{} by {size}",
                    message.len()
                );
            }
        }
    }
}

/// Proves: R7692-6-f
#[test]
fn fragments_cut_anywhere_with_control_frames_between_give_the_same() {
    // 300 bytes of one run and other text, in two fragments and an empty one.
    let payload = [255, b'a', 45, b'a', 1, b'b', 2, b'c', 0];
    for role in [Role::Server, Role::Client] {
        for at in 0..=payload.len() {
            let session = [
                frame(role, 0x42, &payload[..at]),
                frame(role, 0x89, b"?"),
                frame(role, 0x00, b""),
                frame(role, 0x89, b"?"),
                frame(role, 0x80, &payload[at..]),
                frame(role, 0xc2, &[1, b'z', 0]),
            ]
            .concat();
            let mut whole = vec![b'a'; 300];
            whole.extend(b"bcc");
            let expected = [Got::Ping, Got::Ping, binary(&whole), binary(b"z")];
            for cut in 1..session.len() {
                let mut end = open(role, Config::new());
                let mut got = feed(&mut end, &session[..cut], 8 << 10);
                end.0.release();
                got.extend(feed(&mut end, &session[cut..], 8 << 10));
                assert_eq!(got, expected, "fragment at {at}, read at {cut}");
            }
        }
    }
}

/// Proves: R7692-6-g, R6455-10.4-b, X-mem-1
#[test]
fn bomb_stops_at_the_limit_while_it_is_expanded() {
    const LIMIT: usize = 100_000;
    for role in [Role::Server, Role::Client] {
        for pieces in [false, true] {
            let mut end = open(role, Config::new().max_message_size(LIMIT));
            end.0.set_delivery(if pieces {
                Delivery::Pieces
            } else {
                Delivery::Whole
            });
            let run = frame(role, 0x00, &[255, b'x'].repeat(60));
            give(&mut end.0, &frame(role, 0x42, b""));
            let mut produced = 0;
            let error = loop {
                let got = poll(&mut end.0, &mut end.1);
                produced += got
                    .iter()
                    .map(|got| {
                        if let Got::Piece { data, .. } = got {
                            data.len()
                        } else {
                            0
                        }
                    })
                    .sum::<usize>();
                assert!(
                    end.0.buffer_bytes() <= LIMIT + (64 << 10),
                    "{} bytes held",
                    end.0.buffer_bytes()
                );
                if let Some(Got::Error(error)) = got.last() {
                    break error.clone();
                }
                end.0.release();
                assert!(
                    end.0.buffer_bytes() <= if pieces { 32 << 10 } else { LIMIT + (4 << 10) },
                    "{} bytes held",
                    end.0.buffer_bytes()
                );
                give(&mut end.0, &run);
            };
            assert_eq!(error, ProtocolError::MessageTooBig { limit: LIMIT });
            assert!(produced <= LIMIT, "not one byte beyond is handed out");
            assert_eq!(end.1.ending(), crate::closing::Ending::NotYet);
            assert!(end.1.chunk().ends_with(&1009_u16.to_be_bytes()) || role == Role::Client);
        }
    }
}

/// Proves: R7692-6-g, R6455-10.4-b
#[test]
fn limit_counts_expanded_bytes() {
    for role in [Role::Server, Role::Client] {
        for (limit, extra) in [
            (255, false),
            (254, true),
            (20_000, false),
            (19_999, true),
            (0, true),
        ] {
            let runs = if limit > 1000 { 20_000 / 250 } else { 0 };
            let payload: Vec<u8> = if runs > 0 {
                [250, b'x'].repeat(50)
            } else {
                vec![255, b'x', 0]
            };
            let mut session = Vec::new();
            if runs > 0 {
                session.extend(frame(role, 0x42, &payload));
                session.extend(frame(
                    role,
                    0x80,
                    &[[250, b'x'].repeat(30), vec![0]].concat(),
                ));
            } else {
                session.extend(frame(role, 0xc2, &payload));
            }
            let got = feed(
                &mut open(role, Config::new().max_message_size(limit)),
                &session,
                8 << 10,
            );
            if extra {
                assert_eq!(got, [Got::Error(ProtocolError::MessageTooBig { limit })]);
            } else {
                assert_eq!(got, [binary(&vec![b'x'; limit])]);
            }
        }
    }
}

/// Proves: R7692-6-g
#[test]
fn bad_text_inside_fails_as_it_is_expanded() {
    for role in [Role::Server, Role::Client] {
        for payload in [&[1, b'a', 1, 0xff][..], &[2, 0xc3], &[1, 0xe2, 1, b'x']] {
            let mut end = open(role, Config::new());
            // Not the last frame: the mistake shows before the end.
            assert_eq!(
                feed(&mut end, &frame(role, 0x41, payload), 1),
                [Got::Error(ProtocolError::InvalidUtf8)]
            );
        }
        let mut end = open(role, Config::new());
        let cut = frame(role, 0xc1, &[1, 0xc3, 0]);
        assert_eq!(
            feed(&mut end, &cut, 99),
            [Got::Error(ProtocolError::InvalidUtf8)],
            "it ends inside a character"
        );
    }
}

/// Proves: R7692-6-g
#[test]
fn payload_that_does_not_decompress_fails() {
    for role in [Role::Server, Role::Client] {
        for payload in [&[][..], &[3], &[3, b'a'], &[0, 0], &[0, 1, b'a']] {
            let got = feed(
                &mut open(role, Config::new()),
                &frame(role, 0xc2, payload),
                99,
            );
            assert_eq!(got, [Got::Error(ProtocolError::Compression)], "{payload:?}");
        }
    }
}

/// Proves: R7692-6-g, X-mem-1
#[test]
fn large_compressed_message_comes_in_pieces_as_it_expands() {
    for role in [Role::Server, Role::Client] {
        let mut end = open(role, Config::new());
        end.0.set_delivery(Delivery::Pieces);
        let mut session = frame(role, 0x42, &[255, b'x'].repeat(60));
        for _ in 0..50 {
            session.extend(frame(role, 0x00, &[255, b'x'].repeat(60)));
        }
        // A message whose expansion stops for lack of room, repeatedly.
        session.extend(frame(role, 0x00, &[255, b'x'].repeat(500)));
        session.extend(frame(role, 0x80, &[0]));
        let total = (51 * 60 + 500) * 255;
        for size in [1, 50, 8 << 10] {
            let got = feed(&mut end, &session, size);
            let mut joined = 0;
            for (i, got) in got.iter().enumerate() {
                let Got::Piece { first, last, data } = got else {
                    panic!("{got:?}")
                };
                assert_eq!(*first, joined == 0 && i == 0);
                assert!(data.len() <= 16 << 10);
                assert!(data.iter().all(|byte| *byte == b'x'));
                joined += data.len();
                assert_eq!(*last, joined == total && data.is_empty() || *last);
            }
            assert_eq!(joined, total);
            assert!(matches!(got.last(), Some(Got::Piece { last: true, .. })));
            assert_eq!(
                got.iter()
                    .filter(|got| matches!(got, Got::Piece { last: true, .. }))
                    .count(),
                1
            );
            end.0.release();
            assert_eq!(end.0.buffer_bytes(), 0);
        }
    }
}

/// Proves: R7692-6-a, R7692-6-b, R6455-6.1-d
#[test]
fn message_streamed_in_pieces_is_one_compressed_message() {
    for (role, other) in PAIRS {
        for piece in [1_usize, 3, 1000, 20_000] {
            // A long run is held back by the encoder over many pieces; noise is not.
            let message: Vec<u8> = [
                vec![5; 200],
                (0..10_000_u32).map(|i| (i % 240) as u8).collect(),
            ]
            .concat();
            let (_, mut outbox) = open(role, Config::new());
            let mut receiver = open(other, Config::new());
            let mut got = Vec::new();
            outbox.begin(MessageKind::Binary).unwrap();
            for data in message.chunks(piece) {
                outbox.piece(data, false).unwrap();
                got.extend(feed(&mut receiver, &output(&mut outbox), 8 << 10));
            }
            outbox.piece(b"", true).unwrap();
            got.extend(feed(&mut receiver, &output(&mut outbox), 8 << 10));
            assert!(
                got == [binary(&message)],
                "{role:?} by {piece}: {got:.200?}"
            );
        }
    }
}

/// Proves: R7692-6-a
#[test]
fn first_frame_may_come_pieces_after_the_beginning() {
    let (_, mut outbox) = open(Role::Server, Config::new());
    outbox.begin(MessageKind::Text).unwrap();
    outbox.piece(b"aa", false).unwrap();
    assert!(outbox.is_empty(), "the encoder holds the run back");
    outbox.piece(b"a", false).unwrap();
    outbox.piece(b"b", false).unwrap();
    outbox.piece(b"", true).unwrap();
    assert_eq!(
        frames(&output(&mut outbox)),
        [(0x41, vec![3, b'a']), (0x80, vec![1, b'b', 0])]
    );
}

/// Proves: R6455-9.1-e
#[test]
fn rsv1_without_a_codec_fails_the_connection() {
    let mut client = Connection::client(Config::new(), MaskKeys::new(|| KEY), now());
    assert_eq!(client.receive(&[0xc1, 0x00]), 2);
    assert!(matches!(
        client.poll_event(now()),
        Err(ProtocolError::Frame(_))
    ));
    let mut server = Connection::server(Config::new(), now());
    server.feed("plain").unwrap();
    assert_eq!(server.take_output()[0], 0x81);
    assert!(!matches!(
        client.poll_event(now()),
        Ok(Some(Event::Message(_)))
    ));
}
