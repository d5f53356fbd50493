//! Attacks on other implementations, with the work that they cause here.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

mod wire;

use wire::*;
use wskit_handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Progress, ServerHandshake,
};
use wskit_test::alloc::{Counting, live};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Limits that allow a head of 64 KiB with one long line.
fn wide() -> HeadLimits {
    HeadLimits::default().max_head_bytes(80 << 10)
}

/// Feeds `head` in pieces and returns the result. Asserts that no byte was examined more than four
/// times.
fn serve_by(head: &str, piece: usize, limits: HeadLimits) -> Result<(), HandshakeError> {
    let mut handshake = ServerHandshake::new(limits);
    let mut given = 0;
    let outcome = head.as_bytes().chunks(piece).find_map(|bytes| {
        given += bytes.len() as u64;
        match handshake.receive(bytes) {
            Ok(Progress::NeedMore) => None,
            Ok(Progress::Done(_)) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    });
    let work = handshake.work();
    assert!(work <= 4 * given, "{work} for {given} bytes by {piece}");
    outcome.expect("the head has an end")
}

fn status(outcome: Result<(), HandshakeError>) -> u16 {
    outcome.unwrap_err().rejection().unwrap().status().as_u16()
}

const PIECES: [usize; 4] = [1, 7, 1460, usize::MAX];

/// RUSTSEC-2023-0065: a head of 64 KiB in reads of one byte. The default limits are finite and end
/// it with 431.
///
/// Proves: X-http-1, X-http-2
#[test]
fn head_of_64_kib_byte_by_byte_is_read_once() {
    let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
    let head = with_more(REQUEST, line.repeat(65).trim_end());
    assert!(head.len() > 64 << 10);
    for piece in PIECES {
        serve_by(&head, piece, wide()).unwrap();
        let refused = serve_by(&head, piece, HeadLimits::default());
        assert_matches!(&refused, Err(HandshakeError::HeadTooLong { limit: 32_768 }));
        assert_eq!(status(refused), 431);
    }
}

/// CVE-2024-37890, CVE-2026-65624: more header lines than the limit, of one letter or of one name.
///
/// Proves: X-http-1
#[test]
fn any_number_of_lines_is_refused_at_the_limit() {
    let letters = "a:\r\nb:\r\n".repeat(50_000);
    let equal = "Sec-WebSocket-Protocol: chat\r\n".repeat(10_000);
    let upgrades = "Upgrade: websocket\r\n".repeat(10_000);
    let limits = wide().max_head_bytes(4 << 20);
    for lines in [letters, equal, upgrades] {
        let head = with_more(REQUEST, lines.trim_end());
        for piece in PIECES {
            let refused = serve_by(&head, piece, limits);
            assert_matches!(&refused, Err(HandshakeError::TooManyHeaders { limit: 128 }));
            assert_eq!(status(refused), 431);
        }
    }
}

/// CVE-2021-32640: a list of subprotocols that is mostly blank.
///
/// Proves: X-http-2, R6455-4.2.2-d
#[test]
fn protocols_with_a_run_of_blanks_are_refused() {
    for value in [
        format!("b{}x", " ".repeat(30_000)),
        format!("b{}x", "\t ".repeat(15_000)),
        format!("b,{}x y", " ,".repeat(15_000)),
    ] {
        let head = with_line(
            REQUEST,
            "Sec-WebSocket-Protocol",
            &format!("Sec-WebSocket-Protocol: {value}"),
        );
        for piece in PIECES {
            let refused = serve_by(&head, piece, wide());
            assert_matches!(&refused, Err(HandshakeError::InvalidProtocols));
            assert_eq!(status(refused), 400);
        }
    }
}

/// CVE-2020-7662: a quoted value of escapes without an end, and similar values.
///
/// Proves: X-http-2, R6455-9.1-a
#[test]
fn extensions_with_a_run_of_escapes_are_refused() {
    for value in [
        format!("a;b=\"{}", "\\c".repeat(15_000)),
        format!("a;b=\"{}\\", "\\c".repeat(15_000)),
        format!("a;b=\"c\"{}=", ";b=\"c\"".repeat(5_000)),
        format!("a{};", " ".repeat(30_000)),
    ] {
        let head = with_line(
            REQUEST,
            "Sec-WebSocket-Extensions",
            &format!("Sec-WebSocket-Extensions: {value}"),
        );
        for piece in PIECES {
            let refused = serve_by(&head, piece, wide());
            assert!(
                matches!(refused, Err(HandshakeError::InvalidExtensions(_))),
                "{refused:?}"
            );
            assert_eq!(status(refused), 400);
        }
    }
}

/// The crash of node's ws 3.3.1: extensions named like properties of every object, and a name that
/// is not a token.
///
/// Proves: R6455-9.1-a
#[test]
fn extensions_of_any_name_are_only_names() {
    for name in ["constructor", "__proto__", "toString", "hasOwnProperty"] {
        let line = format!("Sec-WebSocket-Extensions: {name}; {name}={name}");
        let request = upgrade(with_line(REQUEST, "Sec-WebSocket-Extensions", &line));
        let names: Vec<_> = request
            .offered_extensions()
            .map(|each| each.name())
            .collect();
        assert_eq!(names, [name]);
    }
}

/// A hundred thousand handshakes that break off, at each byte in turn, leave no memory allocated.
///
/// Proves: X-http-1
#[test]
fn a_hundred_thousand_abandoned_handshakes_leave_nothing() {
    let (request, response) = (REQUEST.as_bytes(), RESPONSE.as_bytes());
    let once = |at: usize| {
        let mut server = ServerHandshake::new(HeadLimits::default());
        let cut = at % request.len();
        let (head, tail) = request[..cut].split_at(cut / 2);
        let _ = (server.receive(head), server.receive(tail));
        let asked = ClientRequest::new("ws://server.example.com/chat").unwrap();
        let mut client = ClientHandshake::new(asked, NONCE, HeadLimits::default());
        let cut = at % response.len();
        let (head, tail) = response[..cut].split_at(cut / 2);
        let _ = (client.receive(head), client.receive(tail));
    };
    once(0);
    let base = live();
    for at in 0..50_000 {
        once(at);
    }
    assert_eq!(live() - base, 0);
}
