//! The result does not depend on how the bytes are split, and no byte is lost.

mod wire;

use proptest::prelude::*;
use wire::{REQUEST, RESPONSE, client, with_line, with_more};
use wskit_handshake::{HandshakeError, HeadLimits, Incoming, Progress, ServerHandshake};

/// Low enough for the samples below to exceed each of them.
fn limits() -> HeadLimits {
    HeadLimits::default().max_head_bytes(800).max_headers(20)
}

/// Feeds the pieces and returns the result, with the bytes after the head.
fn serve<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut handshake = ServerHandshake::new(limits());
    let mut pieces = pieces.into_iter();
    for piece in pieces.by_ref() {
        let (what, leftover) = match handshake.receive(piece) {
            Ok(Progress::NeedMore) => continue,
            Err(error) => return format!("{error:?}"),
            Ok(Progress::Done(Incoming::Upgrade(request))) => {
                let http = format!("{:?}", request.to_http());
                (http, request.leftover().to_vec())
            }
            Ok(Progress::Done(Incoming::Http(plain))) => (
                format!("plain {:?}", plain.request),
                plain.leftover.to_vec(),
            ),
        };
        let rest: Vec<u8> = pieces.flatten().copied().collect();
        return format!("{what} {}", [leftover, rest].concat().escape_ascii());
    }
    format!("{:?}", handshake.receive_eof())
}

fn connect<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut handshake = client();
    let mut pieces = pieces.into_iter();
    for piece in pieces.by_ref() {
        match handshake.receive(piece) {
            Ok(Progress::NeedMore) => {}
            // The number of received bytes of another protocol is not part of
            // the result.
            Err(HandshakeError::NotHttp(_)) => return "NotHttp".into(),
            Err(error) => return format!("{error:?}"),
            Ok(Progress::Done(accepted)) => {
                let rest: Vec<u8> = pieces.flatten().copied().collect();
                let behind = [&accepted.leftover[..], &rest].concat();
                return format!(
                    "{:?} {:?} {}",
                    accepted.response,
                    accepted.extensions,
                    behind.escape_ascii()
                );
            }
        }
    }
    format!("{:?}", handshake.receive_eof())
}

/// Valid and invalid requests, followed by frames.
fn requests() -> Vec<Vec<u8>> {
    let mut all: Vec<String> = vec![
        REQUEST.into(),
        "GET /page HTTP/1.1\r\nHost: h\r\n\r\n".into(),
        with_line(REQUEST, "Host", ""),
        with_line(REQUEST, "Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        with_more(REQUEST, "Content-Length: 9"),
        with_more(REQUEST, &"X: y\r\n".repeat(30)),
        with_more(REQUEST, &format!("X: {}", "y".repeat(795 - REQUEST.len()))),
        with_more(REQUEST, &format!("X: {}", "y".repeat(796 - REQUEST.len()))),
        with_more(
            REQUEST,
            &"X-Long-Header: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(12),
        ),
        REQUEST.replace("/chat", &"/".repeat(900)),
        REQUEST.replacen("\r\n", "\n", 3),
        REQUEST.replace("Host: ", "Host\r: "),
        format!("\r\n{REQUEST}"),
        "\u{16}\u{3}\u{1}\u{2}".into(),
    ];
    all.push(with_more(REQUEST, "X: a\0b"));
    all.into_iter()
        .map(|head| [head.as_bytes(), b"\x81\x85\r\n\r\nframes\n"].concat())
        .collect()
}

fn responses() -> Vec<Vec<u8>> {
    [
        RESPONSE.to_owned(),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n{RESPONSE}"),
        with_line(RESPONSE, "Upgrade", "Upgrade: x"),
        with_line(RESPONSE, "Sec-WebSocket-Accept", ""),
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n".into(),
        "HTTP/1.1 403 Forbidden\r\n\r\n".into(),
        "HTTP/1.1 204 No Content\r\n\r\n".into(),
        "HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nt: x\r\n\r\n".into(),
        "HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd".into(),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(12),
        "ICY 200 OK\r\n\r\n".into(),
        "HTTP/2 200 OK\r\n\r\n".into(),
        "HTTP/1.1 100 Continue\r\n\r\nSSH-2.0".into(),
    ]
    .into_iter()
    .map(|head| [head.as_bytes(), b"\x81\x05frames\r\n\r\n"].concat())
    .collect()
}

/// Proves: R6455-4.2.1-a
#[test]
fn server_judges_alike_at_every_split() {
    for bytes in requests() {
        let whole = serve([&bytes[..]]);
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(serve([a, b]), whole, "{at} of {}", bytes.escape_ascii());
        }
        for size in [1, 2, 3, 8] {
            assert_eq!(serve(bytes.chunks(size)), whole, "by {size}");
        }
    }
}

/// Proves: R6455-4.1-ad
#[test]
fn client_judges_alike_at_every_split() {
    for bytes in responses() {
        let whole = connect([&bytes[..]]);
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(connect([a, b]), whole, "{at} of {}", bytes.escape_ascii());
        }
        for size in [1, 2, 3, 8] {
            assert_eq!(connect(bytes.chunks(size)), whole, "by {size}");
        }
    }
}

/// Cuts bytes at the given places.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    /// Proves: R6455-4.2.1-a
    #[test]
    fn server_judges_alike_at_random_cuts(
        which: prop::sample::Index, cuts in prop::collection::vec(any::<usize>(), 0..12),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let requests = requests();
        let mut bytes = which.get(&requests).clone();
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(serve(cut(&bytes, &cuts)), serve([&bytes[..]]));
    }

    /// Proves: R6455-4.1-ad
    #[test]
    fn client_judges_alike_at_random_cuts(
        which: prop::sample::Index, cuts in prop::collection::vec(any::<usize>(), 0..12),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let responses = responses();
        let mut bytes = which.get(&responses).clone();
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(connect(cut(&bytes, &cuts)), connect([&bytes[..]]));
    }

    /// Any input gives a result and no panic.
    ///
    /// Proves: R6455-4.2.1-a
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[ -~\r\n]{0,100}") {
        serve([&bytes[..], text.as_bytes()]);
        connect([b"HTTP/1.1 101 x\r\n", text.as_bytes(), &bytes[..]]);
        serve([b"GET / HTTP/1.1\r\n", text.as_bytes(), b"\r\n\r\n"]);
        let eof = ServerHandshake::new(HeadLimits::default()).receive_eof();
        let nothing = matches!(eof, HandshakeError::UnexpectedEof { received: 0 });
        prop_assert!(nothing);
    }
}
