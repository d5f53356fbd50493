//! Heads that two machines could read in different ways.

mod wire;

use wire::{
    REQUEST, RESPONSE, assert_matches, connect, plain, refused, serve, upgrade, with_line,
    with_more,
};
use wskit_handshake::{HandshakeError, HeadFault, Progress};

/// Proves: X-http-3
#[test]
fn server_refuses_bare_line_feeds() {
    for (at, _) in REQUEST.match_indices("\r\n") {
        let mut bytes = REQUEST.as_bytes().to_vec();
        bytes.remove(at);
        assert_matches!(
            refused(&bytes),
            (HandshakeError::Malformed(HeadFault::BareLf), 400)
        );
    }
    let all = REQUEST.replace("\r\n", "\n");
    assert_matches!(
        refused(all),
        (HandshakeError::Malformed(HeadFault::BareLf), 400)
    );
    assert_matches!(
        refused("\nGET"),
        (HandshakeError::Malformed(HeadFault::BareLf), 400)
    );
}

/// Proves: X-http-3
#[test]
fn server_refuses_bare_carriage_returns() {
    for line in ["X: a\rb", "X\r: a", "X: a\r\r\nY: b", "\rX: a", "X: \r"] {
        assert_matches!(
            refused(with_more(REQUEST, line)),
            (HandshakeError::Malformed(_), 400)
        );
    }
    assert_matches!(
        refused(REQUEST.replacen(' ', "\r", 1)),
        (HandshakeError::Malformed(_), 400)
    );
    // CR in place of every line end: the head never ends.
    assert_matches!(serve(REQUEST.replace("\r\n", "\r")), Ok(Progress::NeedMore));
}

/// Proves: X-http-3
#[test]
fn server_refuses_control_characters() {
    for byte in (0..0x20_u8).chain([0x7F]) {
        if matches!(byte, b'\t' | b'\r' | b'\n') {
            continue;
        }
        let byte = char::from(byte);
        for line in [
            format!("X: a{byte}b"),
            format!("X{byte}: a"),
            format!("{byte}X: a"),
        ] {
            let (error, status) = refused(with_more(REQUEST, &line));
            assert!(matches!(error, HandshakeError::Malformed(_)), "{line:?}");
            assert_eq!(status, 400);
        }
        assert_eq!(
            refused(REQUEST.replacen("/chat", &format!("/{byte}"), 1)).1,
            400
        );
        assert_eq!(
            refused(REQUEST.replacen("GET", &format!("G{byte}T"), 1)).1,
            400
        );
    }
}

/// Proves: X-http-3
#[test]
fn server_refuses_folded_lines_and_odd_names() {
    for line in [
        "X: a\r\n b",
        "X: a\r\n\tb",
        " X: a",
        "\tX: a",
        "X : a",
        "X\t: a",
        ": a",
        "X",
        "X(: a",
        "X\u{e9}: a",
        "X: a\r\n : b",
    ] {
        let (error, status) = refused(with_more(REQUEST, line));
        assert_matches!(error, HandshakeError::Malformed(HeadFault::HeaderName));
        assert_eq!(status, 400);
    }
    // A blank after the first line, which some parsers take for a header.
    let blank = REQUEST.replacen("\r\n", "\r\n ", 1);
    assert_matches!(
        refused(blank),
        (HandshakeError::Malformed(HeadFault::HeaderName), 400)
    );
}

/// Proves: X-http-3
#[test]
fn server_refuses_leading_lines_and_blanks() {
    for lead in ["\r\n", "\r\n\r\n", "\r"] {
        let request = format!("{lead}{REQUEST}");
        assert_matches!(
            refused(request),
            (HandshakeError::Malformed(HeadFault::LeadingBlankLine), 400)
        );
    }
    assert_matches!(
        refused("\u{16}\u{3}\u{1}\0\u{5}\u{1}"),
        (HandshakeError::Malformed(HeadFault::Tls), 400)
    );
    for lead in [" ", "\t", "\0", "\u{feff}", "("] {
        let request = format!("{lead}{REQUEST}");
        assert_matches!(
            refused(request),
            (HandshakeError::Malformed(HeadFault::NotHttp), 400)
        );
    }
    for line in [
        "GET  /chat HTTP/1.1",
        "GET /chat  HTTP/1.1",
        "GET\t/chat HTTP/1.1",
        "GET /chat HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET HTTP/1.1",
        "GET /chat",
    ] {
        let (error, status) = refused(with_line(REQUEST, "GET", line));
        assert!(
            matches!(
                error,
                HandshakeError::Malformed(_) | HandshakeError::HttpVersion
            ),
            "{line}"
        );
        assert!(matches!(status, 400 | 505), "{line}");
    }
}

/// Proves: X-http-4
#[test]
fn server_refuses_upgrades_with_a_body() {
    for lines in [
        "Content-Length: 5",
        "Content-Length: 00",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Content-Length: 0, 0",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length:",
        "content-LENGTH:\t5",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding:",
        "transfer-encoding:\tx, chunked",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ] {
        let request = with_more(REQUEST, lines) + "0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_matches!(refused(request), (HandshakeError::RequestBody, 400));
    }
    upgrade(with_more(REQUEST, "Content-Length: 0"));
    upgrade(with_more(REQUEST, "Content-Length:  0\t"));
}

/// Nothing is read after a refusal, and nothing after the head is read as HTTP.
///
/// Proves: X-http-5
#[test]
fn server_reads_one_request_only() {
    let second = "GET /second HTTP/1.1\r\nHost: h\r\n\r\n";
    let first = upgrade(format!("{REQUEST}{second}"));
    assert_eq!(first.leftover(), second.as_bytes());
    assert_eq!(plain(format!("{second}{REQUEST}")).leftover, REQUEST);
    let mut handshake =
        wskit_handshake::ServerHandshake::new(wskit_handshake::HeadLimits::default());
    let bad = with_line(REQUEST, "Host", "") + second;
    assert_matches!(
        handshake.receive(bad.as_bytes()),
        Err(HandshakeError::MissingHost)
    );
    assert_matches!(
        handshake.receive(second.as_bytes()),
        Err(HandshakeError::MissingHost)
    );
}

/// Proves: X-http-3
#[test]
fn client_refuses_the_same_in_a_response() {
    for line in [
        "X: a\rb",
        "X\r: a",
        "X: a\0",
        "X : a",
        ": a",
        "X: a\r\n b",
        " X: a",
    ] {
        let outcome = connect(with_more(RESPONSE, line));
        assert_matches!(outcome, Err(HandshakeError::Malformed(_)));
    }
    for (at, _) in RESPONSE.match_indices("\r\n") {
        let mut bytes = RESPONSE.as_bytes().to_vec();
        bytes.remove(at);
        assert_matches!(
            connect(&bytes),
            Err(HandshakeError::Malformed(HeadFault::BareLf))
        );
    }
    let lead = connect(format!("\r\n{RESPONSE}"));
    assert_matches!(
        lead,
        Err(HandshakeError::Malformed(HeadFault::LeadingBlankLine))
    );
}
