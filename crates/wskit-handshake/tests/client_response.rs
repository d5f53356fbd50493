//! RFC 6455 §4.1: how a client handles the response.

mod wire;

use wire::{NONCE, RESPONSE, assert_matches, client, connected, failed, with_line, with_more};
use wskit_handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Progress, Refusal,
};

fn refusal(response: &str) -> Refusal {
    match failed(response) {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

/// Proves: R6455-4.1-ad, R6455-4.3-a
#[test]
fn client_accepts_a_good_response() {
    let accepted = connected(format!("{RESPONSE}\u{1}frames"));
    assert_eq!(accepted.protocol.as_deref(), Some("chat"));
    assert_eq!(accepted.extensions.as_str(), "x-echo");
    assert_eq!(&accepted.leftover[..], b"\x01frames");
    assert_eq!(accepted.response.status(), 101);
    assert_eq!(accepted.response.headers()["upgrade"], "websocket");
}

/// Proves: R6455-4.1-y
#[test]
fn client_wants_upgrade_websocket() {
    let upgrade = |line: &str| with_line(RESPONSE, "Upgrade", line);
    assert_matches!(failed(upgrade("")), HandshakeError::MissingUpgrade);
    for line in [
        "Upgrade:",
        "Upgrade: websocketx",
        "Upgrade: h2c",
        "Upgrade: websocket, h2c",
        "Upgrade: websocket\r\nUpgrade: websocket",
    ] {
        assert_matches!(failed(upgrade(line)), HandshakeError::InvalidUpgrade);
    }
    connected(upgrade("Upgrade: WebSocket"));
    connected(upgrade("upgrade:\t websocket \t"));
}

/// Proves: R6455-4.1-z
#[test]
fn client_wants_connection_upgrade() {
    let connection = |line: &str| with_line(RESPONSE, "Connection", line);
    assert_matches!(failed(connection("")), HandshakeError::MissingConnection);
    for line in [
        "Connection:",
        "Connection: close",
        "Connection: upgradex",
        "Connection: keep-alive upgrade",
    ] {
        assert_matches!(failed(connection(line)), HandshakeError::InvalidConnection);
    }
    connected(connection("Connection: keep-alive, UPGRADE"));
    connected(connection("Connection: keep-alive\r\nConnection: ,upgrade"));
}

/// Proves: R6455-4.1-aa, R6455-11.3.3-a
#[test]
fn client_wants_the_accept_value_of_its_key() {
    let accept = |line: &str| with_line(RESPONSE, "Sec-WebSocket-Accept", line);
    assert_matches!(failed(accept("")), HandshakeError::MissingAccept);
    for line in [
        "Sec-WebSocket-Accept:",
        "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo==",
    ] {
        assert_matches!(failed(accept(line)), HandshakeError::InvalidAccept);
    }
    let good = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let twice = accept(&format!("{good}\r\n{good}"));
    assert_matches!(
        failed(twice),
        HandshakeError::DuplicateHeader("Sec-WebSocket-Accept")
    );
    connected(accept(
        "Sec-WebSocket-Accept:   \ts3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t",
    ));
}

/// Proves: R6455-4.1-ab, R7692-5-b
#[test]
fn client_refuses_extensions_it_did_not_offer() {
    let extensions = |line: &str| {
        with_line(
            RESPONSE,
            "Sec-WebSocket-Ext",
            &format!("Sec-WebSocket-Extensions: {line}"),
        )
    };
    for line in ["foo", "X-Echo", "x-echo, foo", "x-echo; a, foo; b"] {
        assert_matches!(
            failed(extensions(line)),
            HandshakeError::ExtensionNotOffered
        );
    }
    assert_matches!(
        failed(extensions("x-echo, x-echo; a")),
        HandshakeError::ExtensionRepeated
    );
    for line in ["", ",", "x-echo;", "x-echo; a=\"", "x-echo a"] {
        assert_matches!(
            failed(extensions(line)),
            HandshakeError::InvalidExtensions(_)
        );
    }
    let both = connected(extensions(
        "permessage-deflate; server_max_window_bits=\"10\", x-echo",
    ));
    assert_eq!(
        both.extensions.as_str(),
        "permessage-deflate; server_max_window_bits=10, x-echo"
    );
    let none = connected(with_line(RESPONSE, "Sec-WebSocket-Ext", ""));
    assert!(none.extensions.is_empty());
}

/// Proves: R6455-11.3.2-a
#[test]
fn client_joins_extension_lines() {
    let lines = "Sec-WebSocket-Extensions: x-echo\r\nsec-websocket-extensions: permessage-deflate";
    let accepted = connected(with_line(RESPONSE, "Sec-WebSocket-Ext", lines));
    let names: Vec<_> = accepted
        .extensions
        .iter()
        .map(|extension| extension.name())
        .collect();
    assert_eq!(names, ["x-echo", "permessage-deflate"]);
}

/// Proves: R6455-4.1-ac, R6455-11.3.4-a
#[test]
fn client_refuses_a_protocol_it_did_not_offer() {
    let protocol = |line: &str| {
        with_line(
            RESPONSE,
            "Sec-WebSocket-Pro",
            &format!("Sec-WebSocket-Protocol: {line}"),
        )
    };
    for line in ["c", "chat, superchat", "chat,", "", "Chat", "chatt"] {
        assert_matches!(failed(protocol(line)), HandshakeError::ProtocolNotOffered);
    }
    let twice = protocol("chat\r\nSec-WebSocket-Protocol: chat");
    assert_matches!(
        failed(twice),
        HandshakeError::DuplicateHeader("Sec-WebSocket-Protocol")
    );
    let none = connected(with_line(RESPONSE, "Sec-WebSocket-Pro", ""));
    assert_eq!(none.protocol, None);

    let request = ClientRequest::new("ws://h/").unwrap();
    let mut handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    let response = with_line(RESPONSE, "Sec-WebSocket-Ext", "");
    assert_matches!(
        handshake.receive(response.as_bytes()),
        Err(HandshakeError::ProtocolNotOffered)
    );
}

/// Proves: R6455-4.1-ae
#[test]
fn client_ignores_the_case_of_names() {
    let (line, headers) = RESPONSE.split_once("\r\n").unwrap();
    for change in [str::to_ascii_lowercase, str::to_ascii_uppercase] {
        let headers: String = headers
            .split_inclusive("\r\n")
            .map(|line| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}", change(name)),
                None => line.to_owned(),
            })
            .collect();
        connected(format!("{line}\r\n{headers}"));
    }
}

/// Proves: R6455-4.1-x
#[test]
fn client_hands_other_answers_over() {
    for status in [200, 204, 301, 302, 307, 400, 401, 403, 404, 426, 500, 503] {
        let body = if status == 204 { "" } else { "sorry" };
        let refusal = refusal(&format!(
            "HTTP/1.1 {status} Whatever\r\nX-Why: because\r\nLocation: /there\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(refusal.status, status);
        assert_eq!(refusal.headers["x-why"], "because");
        assert_eq!(refusal.location(), Some("/there"));
        assert_eq!(&refusal.body[..], body.as_bytes());
        assert!(refusal.body_is_complete);
    }
}

/// Some responses have no body, whatever their length headers say.
///
/// Proves: R6455-4.1-x
#[test]
fn client_waits_for_no_body_where_there_is_none() {
    for head in [
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5",
    ] {
        let refusal = refusal(&format!("{head}\r\n\r\n"));
        assert!(refusal.body.is_empty() && refusal.body_is_complete);
    }
}

/// Proves: R6455-4.4-a
#[test]
fn client_reads_the_versions_of_a_426() {
    let refusal = refusal(
        "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8 ,x\r\n\
         sec-websocket-version: 7\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(refusal.supported_versions(), [13, 8, 7]);
}

/// Proves: R6455-4.1-x
#[test]
fn client_reads_a_body_until_the_end() {
    let mut handshake = client();
    let head = b"HTTP/1.1 403 Forbidden\r\n\r\n";
    assert_matches!(handshake.receive(head), Ok(Progress::NeedMore));
    assert_matches!(handshake.receive(b"not "), Ok(Progress::NeedMore));
    assert_matches!(handshake.receive(b"you"), Ok(Progress::NeedMore));
    let HandshakeError::Refused(refusal) = handshake.receive_eof() else {
        panic!()
    };
    assert_eq!(&refusal.body[..], b"not you");
    assert!(refusal.body_is_complete);

    let mut short = client();
    let cut = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhalf";
    assert_matches!(short.receive(cut), Ok(Progress::NeedMore));
    let HandshakeError::Refused(refusal) = short.receive_eof() else {
        panic!()
    };
    assert_eq!(
        (&refusal.body[..], refusal.body_is_complete),
        (&b"half"[..], false)
    );
}

/// Proves: R6455-4.1-x
#[test]
fn client_decodes_a_chunked_body() {
    let head = "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: Chunked\r\n\r\n";
    for (body, text, complete) in [
        (
            "4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n",
            "Wikipedia",
            true,
        ),
        ("0\r\nTrailer: x\r\n\r\n", "", true),
        ("a\r\n0123456789\r\n00\r\n\r\nmore", "0123456789", true),
        ("4\r\nWikix", "Wiki", false),
        ("x", "", false),
        ("\r\n", "", false),
        ("1234567890123456\r\n", "", false),
    ] {
        let refusal = refusal(&format!("{head}{body}"));
        assert_eq!(
            (&refusal.body[..], refusal.body_is_complete),
            (text.as_bytes(), complete),
            "{body}"
        );
    }
}

/// Proves: R6455-4.1-x
#[test]
fn client_reports_the_end_of_the_stream() {
    assert_matches!(
        client().receive_eof(),
        HandshakeError::UnexpectedEof { received: 0 }
    );
    for cut in 1..RESPONSE.len() {
        let mut handshake = client();
        assert_matches!(
            handshake.receive(&RESPONSE.as_bytes()[..cut]),
            Ok(Progress::NeedMore)
        );
        let end = handshake.receive_eof();
        assert_matches!(end, HandshakeError::UnexpectedEof { received } if received == cut);
        assert!(handshake.receive(b"x").is_err());
    }
}

/// A 1xx ends at its blank line (RFC 9112 §6.3), so these headers have no effect. Frames follow
/// directly.
///
/// Proves: X-http-6
#[test]
fn client_accepts_a_101_that_says_it_has_no_body() {
    for lines in [
        "Content-Length: 0",
        "content-length:\t0 ",
        "Content-Length: 0\r\nContent-Length: 0",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
    ] {
        let accepted = connected(with_more(RESPONSE, lines) + "\u{1}frames");
        assert_eq!(&accepted.leftover[..], b"\x01frames", "{lines}");
    }
}

/// A proxy that trusts the length would take the first frames for the body.
///
/// Proves: X-http-6
#[test]
fn client_refuses_a_101_with_a_body() {
    for lines in [
        "Content-Length: 5",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 00",
        "Content-Length: 0, 5",
        "Content-Length:",
        "Content-Length: x",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        assert_matches!(
            failed(with_more(RESPONSE, lines)),
            HandshakeError::ResponseBody
        );
    }
}

/// Proves: X-http-8
#[test]
fn client_bounds_interim_answers() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    connected(format!(
        "HTTP/1.1 100 Continue\r\n\r\n{}{RESPONSE}",
        interim.repeat(7)
    ));
    // Limits apply to each head.
    let long = format!("HTTP/1.1 103 x\r\n{}\r\n", "Link: </x>\r\n".repeat(50));
    connected(format!("{}{RESPONSE}", long.repeat(5)));
    let nine = failed(interim.repeat(9));
    assert_matches!(nine, HandshakeError::TooManyInterimResponses { limit: 8 });
    assert_matches!(
        failed(interim.repeat(20)),
        HandshakeError::TooManyInterimResponses { limit: 8 }
    );
}

/// Proves: R6455-4.1-ad
#[test]
fn client_refuses_what_is_not_http_1_1() {
    let line = |line: &str| with_line(RESPONSE, "HTTP/1.1", line);
    assert_matches!(
        failed(line("HTTP/1.0 101 Switching")),
        HandshakeError::HttpVersion
    );
    assert_matches!(
        failed(line("HTTP/2.0 101 Switching")),
        HandshakeError::HttpVersion
    );
    for first in [
        "HTTP/1.1 1O1 x",
        "HTTP/1.1  101 x",
        "HTTP/1.1 99 x",
        "ICY 101 x",
        "101",
        "HTTP/1.1",
    ] {
        assert!(
            !matches!(wire::connect(line(first)), Ok(Progress::Done(_))),
            "{first}"
        );
    }
    assert_matches!(failed(line("HTTP/3")), HandshakeError::HttpVersion);
    assert_matches!(failed("ICY 101 x\r\n\r\n"), HandshakeError::NotHttp(_));
}

/// Proves: R6455-4.1-ad
#[test]
fn client_refuses_every_response_with_a_line_missing() {
    for name in ["Upgrade", "Connection", "Sec-WebSocket-Accept"] {
        assert!(
            wire::connect(with_line(RESPONSE, name, "")).is_err(),
            "{name}"
        );
    }
}

/// After the end, every call returns the same error.
///
/// Proves: R6455-4.1-ad
#[test]
fn client_stays_at_its_end() {
    let mut handshake = client();
    assert_matches!(
        handshake.receive(b"\r\n"),
        Err(HandshakeError::Malformed(_))
    );
    assert_matches!(
        handshake.receive(RESPONSE.as_bytes()),
        Err(HandshakeError::Malformed(_))
    );
    assert_matches!(handshake.receive_eof(), HandshakeError::Malformed(_));
    let mut done = client();
    assert_matches!(done.receive(RESPONSE.as_bytes()), Ok(Progress::Done(_)));
    assert_matches!(
        done.receive(RESPONSE.as_bytes()),
        Err(HandshakeError::Finished)
    );
}
