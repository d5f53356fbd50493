//! A client's side of the opening handshake: any two cuttings give the same result, no byte is lost,
//! the work is linear, and nothing is agreed on that was not offered.
//!
//! Input: flags (bits 0 and 1: which limits, bit 2: the stream ends, bit 3: a refusal is cut where it is), two
//! times cuts (8), then what the server sends. The key belongs to a nonce of sixteen times 7.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{Cuts, Input, end_of_head, read_response};
use wskit_handshake::{
    ClientAccepted, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Progress,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let limits = match flags & 3 {
        0 => HeadLimits::default(),
        1 => HeadLimits::default()
            .max_head_bytes(250)
            .max_interim_responses(1),
        2 => HeadLimits::default().max_headers(6),
        _ => HeadLimits::default().max_body_bytes(20),
    };
    let (one, other) = (Cuts::new(&mut input), Cuts::new(&mut input));
    let wire = input.rest();
    let last = match flags & 12 {
        0 => Last::Waits,
        4 => Last::Ends,
        _ => Last::IsCut,
    };
    let (first, second) = (run(wire, one, limits, last), run(wire, other, limits, last));
    assert_eq!(first, second, "the verdict depends on the cuts");
});

/// What comes behind the last byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Waits,
    Ends,
    IsCut,
}

/// The verdict as text, and the bytes of all heads if the answer is yes.
fn run(wire: &[u8], cuts: Cuts, limits: HeadLimits, last: Last) -> (String, Option<usize>) {
    let request = ClientRequest::new("ws://example.com/chat")
        .and_then(|request| request.protocols(PROTOCOLS))
        .and_then(|request| {
            request.extensions("permessage-deflate; client_max_window_bits, x-test")
        })
        .expect("the request is right");
    let mut handshake = ClientHandshake::new(request, [7; 16], limits);
    let mut given = 0;
    let mut end = None;
    for piece in cuts.pieces(wire) {
        given += piece.len();
        match handshake.receive(piece) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(accepted)) => {
                end = Some(Ok(accepted));
                break;
            }
            Err(error) => {
                end = Some(Err(error));
                break;
            }
        }
    }
    assert!(
        handshake.work() <= 3 * given as u64,
        "{} bytes looked at of {given}",
        handshake.work()
    );
    if end.is_none() {
        assert_eq!(given, wire.len());
        match last {
            Last::Waits => return ("more".into(), None),
            Last::Ends => end = Some(Err(handshake.receive_eof())),
            Last::IsCut => {
                let known = handshake.refusal().map(|refusal| refusal.status);
                let Some(cut) = handshake.cut_refusal() else {
                    assert_eq!(known, None, "a refusal can be cut");
                    return ("more".into(), None);
                };
                let HandshakeError::Refused(refusal) = &cut else {
                    panic!("{cut:?}");
                };
                assert_eq!(Some(refusal.status), known);
                assert!(!refusal.body_is_complete);
                end = Some(Err(cut));
            }
        }
    }
    match end.expect("one of them was set") {
        Ok(accepted) => {
            let after = handshake.receive(b"x").expect_err("it is over");
            assert!(matches!(after, HandshakeError::Finished));
            let taken = given - accepted.leftover.len();
            assert_eq!(
                accepted.leftover,
                wire[taken..given],
                "what follows the head is handed on"
            );
            check(&accepted, &wire[..taken]);
            (
                format!(
                    "{:?} {:?} {:?}",
                    accepted.response, accepted.protocol, accepted.extensions
                ),
                Some(taken),
            )
        }
        Err(error) => {
            let told = format!("{error:?}");
            assert_eq!(
                format!("{:?}", handshake.receive(b"x").expect_err("an error stays")),
                told
            );
            assert_eq!(format!("{:?}", handshake.receive_eof()), told);
            match &error {
                HandshakeError::Refused(refusal) => {
                    check_refusal(refusal, wire, limits, last == Last::Ends);
                }
                // How much of it came at once is not the verdict.
                HandshakeError::NotHttp(answer) => {
                    let start = answer.bytes();
                    assert!((1..=64).contains(&start.len()));
                    assert!(!b"HTTP/1.".starts_with(start) && !start.starts_with(b"HTTP/1."));
                    assert!(wire[last_head(wire)..].starts_with(start));
                    return ("not HTTP".into(), None);
                }
                // Bytes of the last head; those before were interim.
                HandshakeError::UnexpectedEof { received } => assert!(*received <= wire.len()),
                _ => {}
            }
            (told, None)
        }
    }
}

/// §4.1, what a client must see before it goes on, by another reader.
fn check(accepted: &ClientAccepted, heads: &[u8]) {
    let read = read_response(&heads[last_head(heads)..]).expect("what is accepted is HTTP");
    assert_eq!((read.start.0.as_str(), read.minor), ("101", 1));
    assert_eq!(
        read.only("sec-websocket-accept"),
        Some(&b"CdXSYUsvsaMthlEXWDNURGWA/1o="[..])
    );
    assert!(read.all("upgrade").any(|value| {
        value
            .to_ascii_lowercase()
            .windows(9)
            .any(|word| word == b"websocket")
    }));
    assert!(read.all("connection").any(|value| {
        value
            .to_ascii_lowercase()
            .windows(7)
            .any(|word| word == b"upgrade")
    }));
    assert_eq!(accepted.response.status(), 101);
    assert_eq!(accepted.response.headers().len(), read.headers.len());
    let protocol = read.only("sec-websocket-protocol");
    assert_eq!(accepted.protocol.as_deref().map(str::as_bytes), protocol);
    assert!(
        accepted
            .protocol
            .as_deref()
            .is_none_or(|name| PROTOCOLS.contains(&name)),
        "not offered"
    );
    let names: Vec<&str> = accepted
        .extensions
        .iter()
        .map(|extension| extension.name())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| ["permessage-deflate", "x-test"].contains(name)),
        "not offered: {names:?}"
    );
    assert!(names.len() < 2 || names[0] != names[1], "named twice");
    assert_eq!(
        names.is_empty(),
        read.all("sec-websocket-extensions").next().is_none()
    );
}

fn check_refusal(refusal: &wskit_handshake::Refusal, wire: &[u8], limits: HeadLimits, eof: bool) {
    assert_ne!(refusal.status, 101);
    assert!(!refusal.status.is_informational());
    assert!(refusal.body.len() <= limits.get_max_body_bytes());
    let at = last_head(wire);
    let read = read_response(&wire[at..]).expect("a refusal is HTTP");
    assert_eq!(read.start.0, refusal.status.as_str());
    assert_eq!(read.headers.len(), refusal.headers.len());
    let behind = &wire[at + read.size..];
    let length = read
        .only("content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
    let digits = read
        .only("content-length")
        .is_some_and(|value| value.iter().all(u8::is_ascii_digit));
    if matches!(refusal.status.as_u16(), 204 | 304) {
        assert!(refusal.body.is_empty() && refusal.body_is_complete);
    } else if read.all("transfer-encoding").next().is_some() {
        // Chunked or worse: each byte of the body is one of those that came, in order.
        let mut rest = behind.iter();
        assert!(
            refusal
                .body
                .iter()
                .all(|byte| rest.any(|other| other == byte))
        );
        let chunked = read
            .only("transfer-encoding")
            .is_some_and(|value| value == b"chunked");
        if let Some(body) =
            dechunk(behind).filter(|body| chunked && body.len() <= limits.get_max_body_bytes())
        {
            assert_eq!(refusal.body, body);
            assert!(refusal.body_is_complete);
        }
    } else if let Some(length) = length.filter(|_| digits) {
        let whole = usize::try_from(length).unwrap_or(usize::MAX);
        let expected = whole.min(behind.len()).min(limits.get_max_body_bytes());
        assert_eq!(refusal.body, behind[..expected]);
        assert_eq!(refusal.body_is_complete, expected == whole);
    } else {
        assert_eq!(
            refusal.body,
            behind[..behind.len().min(limits.get_max_body_bytes())]
        );
        assert_eq!(
            refusal.body_is_complete,
            eof && behind.len() <= limits.get_max_body_bytes()
        );
    }
}

/// RFC 9112 §7.1, line by line: the body if it is whole and beyond doubt, and mostly body.
fn dechunk(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let mut rest = bytes;
    let mut last = false;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, behind) = rest.split_at(end);
        rest = &behind[2..];
        if line.contains(&b'\r')
            || line.contains(&b'\n')
            || bytes.len() - rest.len() > body.len() + 1000
        {
            return None;
        }
        if last {
            if line.is_empty() {
                return Some(body);
            }
            continue;
        }
        let digits = line.split(|byte| *byte == b';').next()?;
        if digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let size = usize::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        last = size == 0;
        if !last {
            body.extend_from_slice(rest.get(..size)?);
            rest = rest[size..].strip_prefix(b"\r\n")?;
        }
    }
}

/// Where the head after all interim ones begins.
fn last_head(wire: &[u8]) -> usize {
    let mut at = 0;
    while let Some(read) = read_response(&wire[at..]) {
        if !read.start.0.starts_with('1') || read.start.0 == "101" {
            break;
        }
        at += end_of_head(&wire[at..]).expect("there is a head");
    }
    at
}

const PROTOCOLS: [&str; 2] = ["chat", "superchat"];
