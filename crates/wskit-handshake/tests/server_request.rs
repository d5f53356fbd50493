//! RFC 6455 §4.2.1: which requests a server accepts.

mod wire;

use wire::{REQUEST, assert_matches, plain, refused, upgrade, with_line, with_more};
use wskit_handshake::{
    HandshakeError, HeadLimits, OriginPolicy, Progress, RequestOrigin, ServerHandshake,
};

/// Proves: R6455-4.2.1-b, R6455-4.2.1-c, R6455-4.2.1-i, R6455-4.2.1-j
#[test]
fn server_reads_a_good_request() {
    let request = upgrade(REQUEST.replace("/chat ", "/chat/room?a=b&c ") + "frames");
    assert_eq!(
        (request.path(), request.query()),
        ("/chat/room", Some("a=b&c"))
    );
    assert_eq!(request.host(), "server.example.com");
    assert_eq!(request.request_origin(), RequestOrigin::Absent);
    assert_eq!(
        request.offered_protocols().collect::<Vec<_>>(),
        ["chat", "superchat"]
    );
    let names: Vec<_> = request
        .offered_extensions()
        .map(|extension| extension.to_string())
        .collect();
    assert_eq!(
        names,
        ["permessage-deflate; client_max_window_bits", "x-echo"]
    );
    assert_eq!(request.leftover(), b"frames");
    assert_eq!(request.header("HOST"), Some(&b"server.example.com"[..]));
    assert_eq!(request.header_str("upgrade"), Some("websocket"));
    assert_eq!(request.header("cookie"), None);
    assert_eq!(request.headers().count(), 7);
}

/// Proves: R6455-4.2.1-b
#[test]
fn server_builds_the_request_of_the_http_crate() {
    let text = with_more(REQUEST, "Cookie: a=1\r\nCookie: b=2\r\nX-Bytes: \u{e9}");
    let request = upgrade(text.replace("/chat ", "/chat?q ")).to_http();
    assert_eq!(request.method(), http::Method::GET);
    assert_eq!(request.uri(), "/chat?q");
    assert_eq!(request.version(), http::Version::HTTP_11);
    assert_eq!(request.headers().len(), 10);
    assert_eq!(request.headers().get_all("cookie").iter().count(), 2);
    assert_eq!(request.headers()["x-bytes"].as_bytes(), "\u{e9}".as_bytes());
}

/// Proves: R6455-4.2.1-b
#[test]
fn server_wants_get() {
    for method in ["POST", "HEAD", "OPTIONS", "get", "Get", "GETT", "CONNECT"] {
        let (error, status) = refused(REQUEST.replacen("GET", method, 1));
        assert_matches!(error, HandshakeError::Method);
        assert_eq!(status, 405, "{method}");
    }
}

/// Proves: R6455-4.2.1-b
#[test]
fn server_wants_http_1_1() {
    for version in ["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/11"] {
        let (error, status) = refused(REQUEST.replacen("HTTP/1.1", version, 1));
        assert_matches!(error, HandshakeError::HttpVersion);
        assert_eq!(status, 505, "{version}");
    }
    let (_, status) = refused("GET /\r\n\r\n"); // HTTP/0.9
    assert!(matches!(status, 400 | 505), "{status}");
    assert_matches!(
        refused("PRI * HTTP/2.0\r\n\r\n"),
        (HandshakeError::HttpVersion, 505)
    );
}

/// Proves: R6455-4.2.1-b, R6455-4.1-k
#[test]
fn server_takes_absolute_targets_that_agree_with_host() {
    for (target, path, query) in [
        ("http://server.example.com/chat?x", "/chat", Some("x")),
        ("HTTPS://SERVER.example.com", "/", None),
        ("https://server.example.com?x", "/", Some("x")),
    ] {
        let request = upgrade(REQUEST.replace("/chat", target));
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
        let uri = request.to_http().uri().clone();
        assert_eq!((uri.path(), uri.query()), (path, query), "{target}");
    }
    for target in [
        "http://evil.example/chat",
        "http://server.example.com:81/chat",
    ] {
        assert_matches!(
            refused(REQUEST.replace("/chat", target)),
            (HandshakeError::InvalidHost, 400)
        );
    }
}

/// RFC 9112 §3.2.2: the host of the target counts, so it is compared by value.
///
/// Proves: R6455-4.2.1-b, R6455-4.2.1-c
#[test]
fn server_compares_absolute_targets_by_value() {
    for (target, host) in [
        ("http://example.com:80/x", "example.com"),
        ("http://example.com/x", "example.com:80"),
        ("http://example.com/x", "EXAMPLE.com:"),
        ("http://example.com:/x", "example.com"),
        ("https://example.com:443/x", "example.com"),
        ("https://[::1]:443/x", "[::1]"),
        ("http://example.com:8080/x", "example.com:8080"),
    ] {
        let request = with_line(REQUEST, "Host", &format!("Host: {host}"));
        let request = upgrade(request.replace("/chat", target));
        assert_eq!((request.path(), request.host()), ("/x", host), "{target}");
    }
    for (target, host) in [
        ("http://example.com:443/x", "example.com"),
        ("https://example.com:80/x", "example.com"),
        ("https://example.com/x", "example.com:80"),
        ("http://example.com./x", "example.com"),
        ("http://u@example.com/x", "example.com"),
        ("http://example.com:99999/x", "example.com"),
        ("http:///x", "example.com"),
    ] {
        let request = with_line(REQUEST, "Host", &format!("Host: {host}"));
        let (_, status) = refused(request.replace("/chat", target));
        assert_eq!(status, 400, "{target} {host}");
    }
}

/// Proves: R6455-4.2.1-a, R6455-4.2.1-b
#[test]
fn server_refuses_odd_targets() {
    for target in [
        "chat",
        "*",
        "/a#b",
        "ftp://server.example.com/",
        "server.example.com:80",
        "//",
        "/é",
        "/<x>",
        "ws://server.example.com/x",
    ] {
        let request = REQUEST.replace("/chat", target);
        if target == "//" {
            assert_eq!(upgrade(request).path(), "//");
        } else {
            let (error, status) = refused(request);
            assert!(
                matches!(
                    error,
                    HandshakeError::InvalidTarget | HandshakeError::Malformed(_)
                ),
                "{target}"
            );
            assert_eq!(status, 400);
        }
    }
    // Not allowed by RFC 3986, but used and harmless.
    assert_eq!(
        upgrade(REQUEST.replace("/chat", "/a|b?c[]={}")).path(),
        "/a|b"
    );
}

/// Proves: R6455-4.2.1-c
#[test]
fn server_wants_one_host() {
    let host = |line: &str| refused(with_line(REQUEST, "Host", line));
    assert_matches!(host(""), (HandshakeError::MissingHost, 400));
    assert_matches!(
        host("Host: a\r\nHost: a"),
        (HandshakeError::DuplicateHeader("Host"), 400)
    );
    for line in [
        "Host:",
        "Host: u@h",
        "Host: a b",
        "Host: a/b",
        "Host: a:x",
        "Host: a, b",
        "Host: [::1",
        "Host: a:99999",
        "Host: é",
    ] {
        assert_matches!(host(line), (HandshakeError::InvalidHost, 400));
    }
    for name in ["h:8080", "[::1]:80", "a_b.example", "127.0.0.1"] {
        assert_eq!(
            upgrade(with_line(REQUEST, "Host", &format!("Host: {name}"))).host(),
            name
        );
    }
}

/// Proves: R6455-4.2.1-d
#[test]
fn server_wants_upgrade_websocket() {
    let line = |line: &str| with_line(REQUEST, "Upgrade", line);
    assert_matches!(refused(line("")), (HandshakeError::MissingUpgrade, 426));
    for bad in [
        "Upgrade:",
        "Upgrade: websocket2",
        "Upgrade: h2c",
        "Upgrade: web socket",
        "Upgrade: xwebsocket",
    ] {
        assert_matches!(refused(line(bad)), (HandshakeError::InvalidUpgrade, 400));
    }
    for good in [
        "Upgrade: WebSocket",
        "Upgrade: foo, websocket",
        "upgrade: foo\r\nUPGRADE:\twebsocket ",
    ] {
        upgrade(line(good));
    }
}

/// Proves: R6455-4.2.1-e
#[test]
fn server_wants_connection_upgrade() {
    let line = |line: &str| with_line(REQUEST, "Connection", line);
    assert_matches!(refused(line("")), (HandshakeError::MissingConnection, 400));
    for bad in [
        "Connection:",
        "Connection: notupgrade",
        "Connection: keep-alive",
        "Connection: upgrade;x",
    ] {
        assert_matches!(refused(line(bad)), (HandshakeError::InvalidConnection, 400));
    }
    for good in [
        "Connection: keep-alive, Upgrade",
        "Connection: ,,UPGRADE,",
        "Connection: a\r\nConnection: upgrade",
    ] {
        upgrade(line(good));
    }
}

/// Proves: R6455-4.2.1-f, R6455-11.3.1-a
#[test]
fn server_wants_a_key_of_16_bytes() {
    let line = |line: &str| refused(with_line(REQUEST, "Sec-WebSocket-Key", line));
    assert_matches!(line(""), (HandshakeError::MissingKey, 400));
    for key in [
        "",
        "AA==",
        "AAAAAAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAA",     // 15 bytes
        "AAAAAAAAAAAAAAAAAAAAAAA=", // 17 bytes
        "dGhlIHNhbXBsZSBub25jZQ",   // no padding
        "dGhlIHNhbXBsZSBub25jZQ=",  // half of it
        "dGhlIHNhbXBsZSBu-25jZQ==", // the alphabet of URLs
        "dGhlIHNhbXBs ZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        assert_matches!(
            line(&format!("Sec-WebSocket-Key: {key}")),
            (HandshakeError::InvalidKey, 400)
        );
    }
    let twice = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    assert_matches!(
        line(twice),
        (HandshakeError::DuplicateHeader("Sec-WebSocket-Key"), 400)
    );
}

/// The unused bits of the last character may have any value: the key is not decoded (§4.2.2).
///
/// Proves: R6455-4.2.1-f
#[test]
fn server_takes_any_22_characters_for_a_key() {
    // The example of §4.1 item 7.
    let mut keys = vec!["AQIDBAUGBwgJCgsMDQ4PEC==".to_owned()];
    let alphabet = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9');
    for last in alphabet.chain(*b"+/") {
        keys.push(format!("dGhlIHNhbXBsZSBub25jZ{}==", char::from(last)));
    }
    for key in keys {
        let line = format!("Sec-WebSocket-Key: {key}");
        let request = upgrade(with_line(REQUEST, "Sec-WebSocket-Key", &line));
        let accepted = request.check(&OriginPolicy::Any).unwrap().accept().finish();
        let accept = wskit_handshake::accept_key(key.as_bytes());
        let accept = String::from_utf8(accept.to_vec()).unwrap();
        let response = String::from_utf8(accepted.response).unwrap();
        assert!(response.contains(&accept), "{key}: {response}");
    }
}

/// RFC 3986 §3.2.3: a port is `*DIGIT`.
/// Proves: R6455-4.2.1-c
#[test]
fn server_takes_an_empty_port_for_the_default_one() {
    for host in ["h:", "127.0.0.1:", "[::1]:"] {
        for request in [
            with_line(REQUEST, "Host", &format!("Host: {host}")),
            with_line(REQUEST, "Host", &format!("HOST:{host}\t")),
        ] {
            let name = host.trim_end_matches(':');
            let page = with_more(&request, &format!("Origin: https://{name}"));
            assert_eq!(upgrade(&page).host(), host);
            assert!(upgrade(&page).check(&OriginPolicy::SameOrigin).is_ok());
            let page = with_more(&request, &format!("Origin: http://{name}:"));
            assert!(upgrade(&page).check(&OriginPolicy::SameOrigin).is_ok());
            let page = with_more(&request, &format!("Origin: http://{name}:81"));
            assert!(upgrade(&page).check(&OriginPolicy::SameOrigin).is_err());
        }
    }
    for host in [":", "[]:", "h::", "h:+", "h: 80"] {
        let request = with_line(REQUEST, "Host", &format!("Host: {host}"));
        assert_matches!(refused(request), (HandshakeError::InvalidHost, 400));
    }
}

/// Proves: R6455-4.2.1-g, R6455-4.2.2-e, R6455-4.3-c, R6455-4.4-a, R6455-11.3.5-a
#[test]
fn server_wants_version_13() {
    let line = |line: &str| refused(with_line(REQUEST, "Sec-WebSocket-Version", line));
    assert_matches!(line(""), (HandshakeError::MissingVersion, 426));
    for version in [
        "8", "12", "14", "25", "013", "256", "-1", "1 3", "13, 8", "13.0", "", "thirteen",
    ] {
        let (error, status) = line(&format!("Sec-WebSocket-Version: {version}"));
        assert_matches!(error, HandshakeError::UnsupportedVersion);
        assert_eq!(status, 426);
    }
    let twice = line("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13");
    assert_matches!(
        twice,
        (
            HandshakeError::DuplicateHeader("Sec-WebSocket-Version"),
            400
        )
    );
}

/// Proves: R6455-4.2.1-i, R6455-4.3-a
#[test]
fn server_joins_protocol_lists() {
    let list = |lines: &str| with_line(REQUEST, "Sec-WebSocket-Protocol", lines);
    for (lines, names) in [
        ("Sec-WebSocket-Protocol: a,b ,\tc", vec!["a", "b", "c"]),
        ("Sec-WebSocket-Protocol: ,, a,,b,", vec!["a", "b"]),
        (
            "Sec-WebSocket-Protocol: b\r\nX: y\r\nsec-websocket-protocol: a, c",
            vec!["b", "a", "c"],
        ),
        (
            "Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: a",
            vec!["a"],
        ),
        ("", vec![]),
    ] {
        assert_eq!(
            upgrade(list(lines)).offered_protocols().collect::<Vec<_>>(),
            names,
            "{lines}"
        );
    }
    for bad in ["", ",", " , ,\t", "a b", "a/b", "a, \"b\"", "é"] {
        let request = list(&format!("Sec-WebSocket-Protocol: {bad}"));
        assert_matches!(refused(request), (HandshakeError::InvalidProtocols, 400));
    }
}

/// Proves: R6455-4.2.1-j, R6455-9.1-a, R6455-9.1-c
#[test]
fn server_joins_extension_lists() {
    let list = |lines: &str| with_line(REQUEST, "Sec-WebSocket-Extensions", lines);
    let one = upgrade(list("Sec-WebSocket-Extensions: a; x=\"1\", b, a;y"));
    let three = upgrade(list(
        "Sec-WebSocket-Extensions: a;x=1\r\nsec-websocket-extensions: b\r\nSec-WebSocket-Extensions: a; y",
    ));
    assert!(one.offered_extensions().eq(three.offered_extensions()));
    assert_eq!(one.offered_extensions().count(), 3);
    for bad in [
        "",
        ";",
        "a;;b",
        "a;=1",
        "a;b=\"",
        "a;b=\"x y\"",
        "a b",
        "a;b=",
        "é",
    ] {
        let (error, status) = refused(list(&format!("Sec-WebSocket-Extensions: {bad}")));
        assert_matches!(error, HandshakeError::InvalidExtensions(_));
        assert_eq!(status, 400);
    }
}

/// Proves: R6455-4.2.1-k, R6455-4.1-ae
#[test]
fn server_ignores_unknown_headers_and_case() {
    let many: Vec<_> = (0..90).map(|n| format!("X-Unknown-{n}: {n}")).collect();
    assert_eq!(
        upgrade(with_more(REQUEST, &many.join("\r\n")))
            .headers()
            .count(),
        97
    );
    let (line, headers) = REQUEST.split_once("\r\n").unwrap();
    for change in [str::to_ascii_lowercase, str::to_ascii_uppercase] {
        let headers: String = headers
            .split_inclusive("\r\n")
            .map(|line| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}", change(name)),
                None => line.to_owned(),
            })
            .collect();
        upgrade(format!("{line}\r\n{headers}"));
    }
}

/// Proves: R6455-4.2.1-a
#[test]
fn server_refuses_every_request_with_a_line_missing() {
    for (name, status) in [
        ("Host", 400),
        ("Upgrade", 426),
        ("Connection", 400),
        ("Sec-WebSocket-Key", 400),
        ("Sec-WebSocket-Version", 426),
    ] {
        assert_eq!(refused(with_line(REQUEST, name, "")).1, status, "{name}");
    }
}

/// A request that is not an upgrade attempt goes to the caller; an incomplete
/// attempt does not.
///
/// Proves: R6455-4.2.1-a
#[test]
fn server_hands_plain_http_over() {
    let page = plain("GET /index.html?x HTTP/1.1\r\nHost: h\r\nCookie: a\r\n\r\nbody");
    assert_eq!(page.request.uri(), "/index.html?x");
    assert_eq!(page.request.headers()["cookie"], "a");
    assert_eq!(&page.leftover[..], b"body");
    assert_eq!(
        plain("HEAD / HTTP/1.0\r\n\r\n").request.version(),
        http::Version::HTTP_10
    );
    assert_eq!(
        plain("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            .request
            .method(),
        "POST"
    );
    assert_eq!(plain("OPTIONS * HTTP/1.1\r\n\r\n").request.uri(), "*");
    plain("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    for attempt in [
        "Upgrade: websocket",
        "Sec-WebSocket-Key: x",
        "Sec-WebSocket-Version: 13",
    ] {
        refused(format!("GET / HTTP/1.1\r\nHost: h\r\n{attempt}\r\n\r\n"));
    }
}

/// Proves: R6455-4.2.1-a
#[test]
fn server_reports_the_end_of_the_stream() {
    let mut handshake = ServerHandshake::new(HeadLimits::default());
    assert_matches!(handshake.receive(b""), Ok(Progress::NeedMore));
    assert_matches!(
        handshake.receive(&REQUEST.as_bytes()[..99]),
        Ok(Progress::NeedMore)
    );
    let end = handshake.receive_eof();
    assert_matches!(end, HandshakeError::UnexpectedEof { received: 99 });
    assert!(end.rejection().is_none());
    assert_matches!(
        handshake.receive(b"x"),
        Err(HandshakeError::UnexpectedEof { received: 99 })
    );
    let mut done = ServerHandshake::new(HeadLimits::default());
    assert_matches!(done.receive(REQUEST.as_bytes()), Ok(Progress::Done(_)));
    assert_matches!(
        done.receive(REQUEST.as_bytes()),
        Err(HandshakeError::Finished)
    );
    assert_matches!(done.receive_eof(), HandshakeError::Finished);
}

/// `Debug` does not show cookies and tokens.
#[test]
fn server_hides_headers_from_debug() {
    let request = upgrade(with_more(REQUEST, "Cookie: secret"));
    assert!(!format!("{request:?}").contains("secret"));
    let checked = request.check(&OriginPolicy::Any).unwrap();
    assert!(!format!("{checked:?}").contains("secret"));
}
