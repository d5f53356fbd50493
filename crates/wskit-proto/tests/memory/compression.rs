//! permessage-deflate in a connection (RFC 7692): what is sent, what is accepted, and what a bomb
//! can do.

use std::time::Instant;

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window, compress_prepared};
use wskit_proto::{
    Config, Connection, Delivery, Event, MessageKind, Outgoing, PreparedMessage, ProtocolError,
    Role,
};
use wskit_test::alloc::{live, rise};

const RSV1: u8 = 0x40;

fn params(role: Role, takeover: bool, bits: u8) -> Params {
    let window = Window {
        bits,
        no_context_takeover: !takeover,
    };
    let role = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    Params::new(role, window, window)
}

fn eager() -> deflate::Config {
    deflate::Config::server()
        .threshold(0)
        .threshold_without_takeover(0)
}

fn compressed(role: Role, config: Config, takeover: bool) -> Connection {
    open(role, config).with_deflate(params(role, takeover, 15), &eager())
}

fn pair(takeover: bool) -> (Connection, Connection) {
    let config = Config::new();
    (
        compressed(Role::Client, config.clone(), takeover),
        compressed(Role::Server, config, takeover),
    )
}

/// A text message.
fn said(text: &str) -> Got {
    Got::Text(text.to_owned())
}

fn json(n: usize) -> String {
    format!(r#"{{"id":{n},"user":"ada","room":"lobby","text":"message number {n}","ok":true}}"#)
}

/// Proves: R7692-6-a, R7692-6-d, R7692-7.2.1-e, R7692-7.2.2-b
#[test]
fn both_roles_understand_each_other_with_and_without_takeover() {
    for takeover in [false, true] {
        let (mut client, mut server) = pair(takeover);
        for n in 0..200 {
            let text = json(n);
            let (from, to) = if n % 3 == 0 {
                (&mut server, &mut client)
            } else {
                (&mut client, &mut server)
            };
            if n % 7 == 0 {
                from.feed(Outgoing::from(&text).uncompressed()).unwrap();
            } else {
                from.feed(&text).unwrap();
            }
            let bytes = from.take_output();
            assert_eq!(bytes[0], FIN | TEXT | if n % 7 == 0 { 0 } else { RSV1 });
            assert_eq!(feed(to, &bytes), [said(&text)]);
        }
    }
}

/// The second message refers to the first.
///
/// Proves: R7692-7.2.1-a, R7692-7.2.1-e, R7692-7.1.1.1-d
#[test]
fn sender_takes_the_context_over_only_if_agreed() {
    let text = json(1);
    let (mut client, _) = pair(true);
    client.feed(&text).unwrap();
    let first = client.take_output().len();
    client.feed(&text).unwrap();
    assert!(client.take_output().len() < first / 2);

    let (_, mut server) = pair(false);
    server.feed(&text).unwrap();
    let first = server.take_output();
    server.feed(&text).unwrap();
    assert_eq!(server.take_output(), first);
}

/// Proves: R7692-6-e, R7692-6-f
#[test]
fn receiver_joins_fragments_cut_anywhere_with_pings_between() {
    let plain = json(7).repeat(20);
    let payload = compress_prepared(1, 15, plain.as_bytes());
    for cut in 0..=payload.len() {
        let mut server = compressed(Role::Server, Config::new(), true);
        let mut bytes = masked(TEXT | RSV1, &payload[..cut]);
        bytes.extend(masked(FIN | PING, b"?"));
        bytes.extend(masked(FIN | CONTINUATION, &payload[cut..]));
        let got = feed(&mut server, &bytes);
        assert_eq!(got, [Got::Ping(b"?".to_vec()), said(&plain)], "{cut}");
    }
}

/// Proves: R7692-6-g
#[test]
fn limit_counts_expanded_bytes_to_the_byte() {
    for (size, fits) in [(1000, true), (1001, false)] {
        let mut server = compressed(Role::Server, Config::new().max_message_size(1000), true);
        let payload = compress_prepared(1, 15, &vec![b'x'; size]);
        let got = feed(&mut server, &masked(FIN | BINARY | RSV1, &payload));
        if fits {
            assert_eq!(got, [Got::Binary(vec![b'x'; size])]);
        } else {
            assert_eq!(
                got,
                [Got::Error(ProtocolError::MessageTooBig { limit: 1000 })]
            );
            assert_failed_with(&mut server, 1009);
        }
    }
}

/// 128 MiB of zeros in 130 KB, against a limit of 1 MiB.
///
/// Proves: X-def-1, X-mem-1
#[test]
fn bomb_stops_at_the_limit_however_it_is_cut() {
    let limit = 1 << 20;
    let zeros = vec![0; 128 << 20];
    let bomb = compress_prepared(6, 15, &zeros);
    drop(zeros);
    assert!(bomb.len() < 140_000, "{}", bomb.len());
    let mut fragmented = masked(BINARY | RSV1, &bomb[..1]);
    for byte in &bomb[1..] {
        fragmented.extend(masked(CONTINUATION, &[*byte]));
    }
    let whole = masked(FIN | BINARY | RSV1, &bomb);
    for (bytes, chunk) in [(&whole, whole.len()), (&whole, 1), (&fragmented, 1000)] {
        // The streams of this thread's pool are made once and stay.
        let mut warm = compressed(Role::Server, Config::new(), true);
        feed(
            &mut warm,
            &masked(FIN | BINARY | RSV1, &compress_prepared(1, 15, b"warm")),
        );
        drop(warm);
        let mut ended = None;
        let rise = rise(|| {
            let mut server = compressed(Role::Server, Config::new(), true);
            let now = Instant::now();
            'all: for mut part in bytes.chunks(chunk) {
                while !part.is_empty() {
                    part = &part[server.receive(part)..];
                    match server.poll_event(now) {
                        Ok(None) => {}
                        Ok(Some(event)) => panic!("{event:?}"),
                        Err(error) => {
                            ended = Some((error, server.take_output()));
                            break 'all;
                        }
                    }
                }
                server.release();
            }
        });
        let (error, close) = ended.unwrap();
        assert_eq!(error, ProtocolError::MessageTooBig { limit });
        assert_eq!(close, unmasked(FIN | CLOSE, &close_body(1009, "")));
        assert!(
            usize::try_from(rise).unwrap() <= limit + (64 << 10),
            "{rise} for chunks of {chunk}"
        );
    }
}

/// Each message is bounded by itself, whatever the window holds.
///
/// Proves: X-def-1
#[test]
fn bomb_built_through_takeover_is_bounded_a_message() {
    let limit = 100_000;
    let config = Config::new().max_message_size(limit);
    let sender_config = Config::new().max_message_size(1 << 30);
    let mut client = compressed(Role::Client, sender_config, true);
    let mut server = compressed(Role::Server, config, true);
    let full = vec![b'z'; limit];
    for _ in 0..100 {
        client.feed(&full).unwrap();
        let bytes = client.take_output();
        assert!(bytes.len() < 2000);
        assert_eq!(feed(&mut server, &bytes), [Got::Binary(full.clone())]);
    }
    client.feed(vec![b'z'; limit + 1]).unwrap();
    let got = feed(&mut server, &client.take_output());
    assert_eq!(got, [Got::Error(ProtocolError::MessageTooBig { limit })]);
}

/// Proves: R7692-7.2.2-d
#[test]
fn broken_data_fails_the_connection_with_1007() {
    let good = compress_prepared(1, 15, json(3).as_bytes());
    let truncated = &good[..good.len() / 2];
    let reserved_block = [0x07, 0x00];
    let too_far = [0x02, 0x11, 0x00, 0x00];
    for bad in [truncated, &reserved_block, &too_far] {
        let mut server = compressed(Role::Server, Config::new(), true);
        let got = feed(&mut server, &masked(FIN | BINARY | RSV1, bad));
        assert!(
            matches!(got[..], [Got::Error(ProtocolError::Deflate(_))]),
            "{bad:?}: {got:?}"
        );
        assert_failed_with(&mut server, 1007);
    }
}

/// Proves: R7692-6-g, R6455-8.1-a
#[test]
fn text_that_is_none_after_expanding_fails_with_1007() {
    let mut server = compressed(Role::Server, Config::new(), true);
    let payload = compress_prepared(1, 15, b"fine so far \xc0\x80");
    let got = feed(&mut server, &masked(FIN | TEXT | RSV1, &payload));
    assert_eq!(got, [Got::Error(ProtocolError::InvalidUtf8)]);
    assert_failed_with(&mut server, 1007);
}

/// Pieces of a message that is much larger than memory allows are handed out while it comes in.
#[test]
fn pieces_of_a_large_message_come_as_they_are_expanded() {
    let size = 40 << 20;
    let plain: Vec<u8> = (0..size).map(|n: u32| (n >> 12) as u8).collect();
    let bytes = masked(FIN | BINARY | RSV1, &compress_prepared(1, 15, &plain));
    let config = Config::new().max_message_size(64 << 20);
    let mut server = compressed(Role::Server, config, true);
    server.set_delivery(Delivery::Pieces);
    let (mut at, mut ended) = (0, false);
    let now = Instant::now();
    let rise = rise(|| {
        for mut part in bytes.chunks(1500) {
            while !part.is_empty() {
                part = &part[server.receive(part)..];
                while let Some(event) = server.poll_event(now).unwrap() {
                    let Event::Piece(piece) = event else {
                        panic!("{event:?}")
                    };
                    assert_eq!(piece.first, at == 0);
                    assert!(!ended);
                    assert!(piece.data == &plain[at..at + piece.data.len()]);
                    at += piece.data.len();
                    ended = piece.last;
                }
            }
        }
    });
    assert!(ended && at == plain.len());
    assert!(rise < 300 << 10, "{rise}");
}

#[test]
fn sender_streams_a_message_in_compressed_pieces() {
    let (mut client, mut server) = pair(true);
    let mut whole = String::new();
    let mut got = Vec::new();
    client.outbox().begin(MessageKind::Text).unwrap();
    for n in 0..500 {
        let piece = json(n);
        whole.push_str(&piece);
        client.outbox().piece(piece.as_bytes(), n == 499).unwrap();
        got.extend(feed(&mut server, &client.take_output()));
    }
    assert_eq!(got, [said(&whole)]);
    assert!(whole.len() > 30_000);
}

/// Compressed once per window size, and valid between messages that refer to earlier ones.
#[test]
fn prepared_message_is_compressed_once_and_enters_the_history() {
    for bits in 9..=15 {
        let window = |role| params(role, true, bits);
        let mut server =
            open(Role::Server, Config::new()).with_deflate(window(Role::Server), &eager());
        let mut other =
            open(Role::Server, Config::new()).with_deflate(window(Role::Server), &eager());
        let mut client =
            open(Role::Client, Config::new()).with_deflate(window(Role::Client), &eager());
        let prepared = PreparedMessage::text(json(0).repeat(10));
        let text = json(0).repeat(10);
        for n in 0..20 {
            server.feed(json(n)).unwrap();
            server.feed(&prepared).unwrap();
            let bytes = server.take_output();
            let got = feed(&mut client, &bytes);
            assert_eq!(got, [said(&json(n)), said(&text)], "{bits} bits, {n}");
        }
        other.feed(&prepared).unwrap();
        server.feed(&prepared).unwrap();
        let bytes = server.take_output();
        assert_eq!(bytes[0], FIN | TEXT | RSV1);
        assert!(bytes.len() < text.len() / 3);
        assert_eq!(other.take_output(), bytes);
    }
}

/// Proves: R7692-6-d
#[test]
fn small_messages_and_those_that_opt_out_go_as_they_are() {
    let config = deflate::Config::server().threshold_without_takeover(100);
    let mut server =
        open(Role::Server, Config::new()).with_deflate(params(Role::Server, false, 15), &config);
    server.feed("short").unwrap();
    assert_eq!(server.take_output()[0], FIN | TEXT);
    server.feed("long ".repeat(50)).unwrap();
    assert_eq!(server.take_output()[0], FIN | TEXT | RSV1);
    server
        .feed(Outgoing::from(&"long ".repeat(50)).uncompressed())
        .unwrap();
    assert_eq!(server.take_output()[0], FIN | TEXT);
}

/// Proves: R6455-9.1-e
#[test]
fn nothing_is_compressed_and_rsv1_fails_where_nothing_was_agreed() {
    let mut client = open(Role::Client, Config::new());
    client.feed("long ".repeat(500)).unwrap();
    assert_eq!(client.take_output()[0], FIN | TEXT);
    let mut server = open(Role::Server, Config::new());
    let got = feed(&mut server, &masked(FIN | TEXT | RSV1, &[0]));
    assert!(matches!(got[..], [Got::Error(ProtocolError::Frame(_))]));
    assert_failed_with(&mut server, 1002);
}

/// A message that stalls half-way holds a stream, and their number is limited.
///
/// Proves: X-def-2
#[test]
fn messages_that_stall_are_counted_against_the_budget() {
    let budget = deflate::Budget::new(100 << 10);
    let config = eager().budget(budget.clone());
    let payload = compress_prepared(1, 15, json(1).as_bytes());
    let stalled = masked(TEXT | RSV1, &payload[..payload.len() / 2]);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut server =
            open(Role::Server, Config::new()).with_deflate(params(Role::Server, true, 15), &config);
        assert_eq!(feed(&mut server, &stalled), []);
        held.push(server);
    }
    assert!(budget.used() > 80 << 10);
    let mut third =
        open(Role::Server, Config::new()).with_deflate(params(Role::Server, true, 15), &config);
    let got = feed(&mut third, &stalled);
    assert!(
        matches!(got[..], [Got::Error(ProtocolError::Deflate(_))]),
        "{got:?}"
    );
    assert_failed_with(&mut third, 1013);

    // One message goes on; its stream goes back, and the next message is accepted.
    let rest = masked(FIN | CONTINUATION, &payload[payload.len() / 2..]);
    assert_eq!(feed(&mut held[0], &rest), [said(&json(1))]);
    let mut fourth =
        open(Role::Server, Config::new()).with_deflate(params(Role::Server, true, 15), &config);
    assert_eq!(feed(&mut fourth, &stalled), []);
    drop((held, fourth));
    assert_eq!(budget.used(), 0);
}

/// Proves: X-mem-2
#[test]
fn blocks_of_nothing_leave_no_room_behind() {
    let held_after = |blocks: usize| {
        let mut server = compressed(Role::Server, Config::new(), true);
        let mut payload = [0, 0, 0, 0xff, 0xff].repeat(blocks);
        payload.extend(compress_prepared(1, 15, b"at last"));
        let frame = masked(FIN | TEXT | RSV1, &payload);
        let cut = frame.len() - payload.len() + 5 * blocks;
        assert_eq!(feed(&mut server, &frame[..cut]), []);
        server.release();
        let held = server.buffer_bytes();
        assert_eq!(feed(&mut server, &frame[cut..]), [said("at last")]);
        held
    };
    let (few, many) = (held_after(1), held_after(1000));
    assert!(many < few + 1000, "{many} bytes, not {few}");
}

/// The size that a message expands to says nothing about the next: its buffer goes back to the
/// system.
///
/// Proves: X-mem-1
#[test]
fn buffer_of_an_expanded_message_is_not_kept() {
    let mut server = compressed(Role::Server, Config::new(), false);
    let now = Instant::now();
    let mut live_after = |size| {
        let frame = masked(
            FIN | BINARY | RSV1,
            &compress_prepared(1, 15, &vec![7; size]),
        );
        assert_eq!(server.receive(&frame), frame.len());
        match server.poll_event(now).unwrap() {
            Some(Event::Message(message)) => assert_eq!(message.len(), size),
            other => panic!("{other:?}"),
        }
        assert!(server.poll_event(now).unwrap().is_none());
        server.release();
        assert_eq!(server.buffer_bytes(), 0);
        drop(frame);
        live()
    };
    // The streams and the read buffer of this thread's pools are made once and stay.
    let (small, large) = (live_after(10), live_after(100_000));
    assert!(large - small < 10_000, "{} bytes more", large - small);
}

#[test]
fn connection_says_what_compression_holds() {
    let (mut client, mut server) = pair(true);
    assert_eq!((client.buffer_bytes(), server.buffer_bytes()), (0, 0));
    client.feed(json(1)).unwrap();
    feed(&mut server, &client.take_output());
    server.release();
    server.poll_event(Instant::now()).unwrap();
    server.release();
    assert!(
        (1..=4096).contains(&client.buffer_bytes()),
        "{}",
        client.buffer_bytes()
    );
    assert!(
        (1..=33_000).contains(&server.buffer_bytes()),
        "{}",
        server.buffer_bytes()
    );
}
