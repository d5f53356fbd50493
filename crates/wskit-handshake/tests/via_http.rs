//! Requests and responses parsed by an HTTP library: the rules and responses
//! are those of the wire.

mod wire;

use http::{HeaderMap, Method, Request, Response, Version};
use proptest::prelude::*;
use wire::{NONCE, RESPONSE, assert_matches, client, with_line, with_more};
use wskit_handshake::{
    ClientRequest, HandshakeError, HeadLimits, Incoming, OriginPolicy, Progress, Rejection,
    ServerHandshake, UpgradeRequest,
};

/// A result in comparable form: the error, or the lines of the response.
type Verdict = Result<Vec<String>, String>;

fn verdict_of_bytes(request: &[u8], policy: &OriginPolicy) -> Verdict {
    let limits = HeadLimits::default().max_headers(1000);
    let request = match ServerHandshake::new(limits).receive(request) {
        Ok(Progress::Done(Incoming::Upgrade(request))) => request,
        Ok(Progress::Done(Incoming::Http(_))) => {
            return Err(format!("{:?}", HandshakeError::MissingUpgrade));
        }
        other => return Err(format!("{:?}", other.unwrap_err())),
    };
    let response = match request.check(policy) {
        Ok(checked) => accept(checked.accept()).finish().response,
        Err(rejection) => rejection.to_bytes(),
    };
    let text = String::from_utf8(response).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head
        .split("\r\n")
        .map(|line| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
            None => line.split(' ').nth(1).unwrap().to_owned(),
        })
        .collect();
    lines.push(format!("\n{body}"));
    lines.sort();
    Ok(lines)
}

fn verdict_of_http(request: &Request<()>, policy: &OriginPolicy) -> Verdict {
    let request = UpgradeRequest::from_http(request).map_err(|error| format!("{error:?}"))?;
    assert_eq!(request.leftover(), b"");
    let (head, body) = match request.check(policy) {
        Ok(checked) => (
            accept(checked.accept()).finish_http().response,
            String::new(),
        ),
        Err(rejection) => {
            let (parts, body) = rejection.into_http().into_parts();
            let body = String::from_utf8(body.to_vec()).unwrap();
            (Response::from_parts(parts, ()), body)
        }
    };
    let mut lines = lines_of(head.headers());
    lines.push(head.status().as_str().to_owned());
    lines.push(format!("\n{body}"));
    lines.sort();
    Ok(lines)
}

/// Responds with everything that a response can contain.
fn accept(accept: wskit_handshake::Accept) -> wskit_handshake::Accept {
    let offered = accept.request().offered_extensions().next();
    let name = offered.map(|offer| offer.name().to_owned());
    let accept = accept.protocol_from(&["chat"]).cookie("id=1").unwrap();
    match name {
        Some(name) => accept.extension(&name, [("x", Some("1"))]).unwrap(),
        None => accept,
    }
}

fn lines_of(headers: &HeaderMap) -> Vec<String> {
    headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect()
}

/// The same request on the wire and in the types of `http`.
fn both(method: &str, target: &str, version: Version, lines: &[(&str, &str)]) -> [Verdict; 2] {
    let policy = OriginPolicy::SameOrigin;
    let mut bytes = format!("{method} {target} {version:?}\r\n");
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = target.parse().unwrap();
    *request.version_mut() = version;
    for (name, value) in lines {
        bytes += &[name, ": ", value, "\r\n"].concat();
        request.headers_mut().append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    bytes += "\r\n";
    [
        verdict_of_bytes(bytes.as_bytes(), &policy),
        verdict_of_http(&request, &policy),
    ]
}

const GOOD: [(&str, &str); 5] = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Valid and invalid lines, each replacing or following the valid ones.
fn any_line() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(&[
        ("Host", "example.com"),
        ("Host", "other.example"),
        ("Host", "a b"),
        ("Upgrade", "websocket"),
        ("Upgrade", "WebSocket/13"),
        ("Upgrade", "h2c, WEBSOCKET"),
        ("Connection", "upgrade"),
        ("Connection", "close"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Version", "13, 8"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Protocol", "superchat"),
        ("Sec-WebSocket-Protocol", "a b"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; a=\"10\""),
        ("Sec-WebSocket-Extensions", "x-echo, y"),
        ("Sec-WebSocket-Extensions", "x;"),
        ("Origin", "https://example.com"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Content-Length", "0"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Cookie", "a=1; b=2"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Proves: R6455-4.2.1-b, R6455-4.2.1-g, R6455-4.2.2-k, R6455-4.2.2-m, R6455-4.2.2-n
    #[test]
    fn server_judges_parsed_requests_as_it_judges_bytes(
        method in prop::sample::select(&["GET", "GET", "GET", "POST", "CONNECT", "get"]),
        target in prop::sample::select(
            &["/", "/chat?a=b", "http://example.com/x", "https://example.com?y", "http://c.d/", "*"],
        ),
        version in prop::sample::select(&[
            Version::HTTP_11, Version::HTTP_11, Version::HTTP_11, Version::HTTP_10,
            Version::HTTP_09, Version::HTTP_2, Version::HTTP_3,
        ]),
        dropped in prop::collection::vec(0..20_usize, 0..2),
        more in prop::collection::vec(any_line(), 0..4),
    ) {
        let good = GOOD.iter().enumerate().filter(|(at, _)| !dropped.contains(at));
        let lines: Vec<_> = good.map(|(_, line)| *line).chain(more).collect();
        let [bytes, http] = both(method, target, version, &lines);
        prop_assert_eq!(bytes, http);
    }

    /// Proves: R6455-4.1-y, R6455-4.1-z, R6455-4.1-aa, R6455-4.1-ab, R6455-4.1-ac
    #[test]
    fn client_judges_parsed_responses_as_it_judges_bytes(
        removed in prop::option::of(0..6_usize),
        more in prop::collection::vec(prop::sample::select(&[
            "Upgrade: websocket", "Upgrade: h2c", "Connection: close", "Connection: upgrade",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Accept: x",
            "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: other",
            "Sec-WebSocket-Extensions: permessage-deflate; a", "Sec-WebSocket-Extensions: x-echo",
            "Sec-WebSocket-Extensions: foo", "Content-Length: 0", "Set-Cookie: a=1",
        ]), 0..3),
    ) {
        let mut text = String::new();
        for (at, line) in RESPONSE.trim_end().split("\r\n").enumerate() {
            if at == 0 || removed != Some(at) {
                text += &[line, "\r\n"].concat();
            }
        }
        for line in more {
            text += &[line, "\r\n"].concat();
        }
        text += "\r\n";
        let bytes = match client().receive(text.as_bytes()) {
            Ok(Progress::Done(accepted)) => Ok(accepted),
            Ok(Progress::NeedMore) => unreachable!(),
            Err(error) => Err(error),
        };
        let http = parsed_client().1.check(&parse(&text));
        prop_assert_eq!(format!("{bytes:?}"), format!("{http:?}"));
    }
}

/// The request of [`client`].
fn parsed_client() -> (Request<()>, wskit_handshake::ResponseCheck) {
    ClientRequest::new("ws://server.example.com/chat")
        .and_then(|request| request.protocols(["chat", "superchat"]))
        .and_then(|request| {
            request.extensions("permessage-deflate; client_max_window_bits, x-echo")
        })
        .unwrap()
        .into_http(NONCE)
}

fn parse(head: &str) -> Response<()> {
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::new(());
    *response.status_mut() = status.parse().unwrap();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

/// Proves: R6455-4.1-i, R6455-4.1-k, R6455-4.1-l, R6455-4.1-m, R6455-4.1-n, R6455-4.1-r
#[test]
fn client_makes_the_request_that_it_would_send() {
    let (request, _) = parsed_client();
    let text = String::from_utf8(client().request_bytes().to_vec()).unwrap();
    let sent = text.trim_end().split("\r\n").skip(1);
    let sent: Vec<_> = sent
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            format!("{}: {value}", name.to_lowercase())
        })
        .collect();
    assert_eq!(lines_of(request.headers()), sent);
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "/chat");
}

/// Proves: R6455-4.1-v
#[test]
fn client_keeps_credentials_from_logs() {
    let request = ClientRequest::new("ws://a:b@example.com/").unwrap();
    let request = request.header("x-trace", "1").unwrap();
    let (request, _) = request.into_http(NONCE);
    assert_eq!(request.headers()["authorization"], "Basic YTpi");
    assert!(request.headers()["authorization"].is_sensitive());
    assert!(!request.headers()["x-trace"].is_sensitive());
}

/// Proves: R6455-4.1-x
#[test]
fn client_hands_out_a_refusal() {
    let mut response = parse(&with_line(RESPONSE, "Sec-WebSocket-Ext", ""));
    *response.status_mut() = http::StatusCode::UNAUTHORIZED;
    let error = parsed_client().1.check(&response).unwrap_err();
    assert_matches!(error, HandshakeError::Refused(refusal) if refusal.status == 401
        && refusal.headers.len() == 4 && !refusal.body_is_complete);
}

/// Proves: R6455-4.1-x
#[test]
fn client_wants_http_1_1() {
    let mut response = parse(RESPONSE);
    *response.version_mut() = Version::HTTP_10;
    let error = parsed_client().1.check(&response).unwrap_err();
    assert_matches!(error, HandshakeError::HttpVersion);
    parsed_client()
        .1
        .check(&parse(&with_more(RESPONSE, "A: b")))
        .unwrap();
}

/// Proves: R6455-4.2.2-e, R6455-4.4-a
#[test]
fn server_refuses_as_it_does_in_bytes() {
    let request = GOOD.iter().filter(|(name, _)| !name.contains("Version"));
    let request = request.fold(
        Request::get("/").header("sec-websocket-version", "8"),
        |request, (name, value)| request.header(*name, *value),
    );
    let error = UpgradeRequest::from_http(&request.body(()).unwrap()).unwrap_err();
    let response = error.rejection().unwrap().into_http();
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["connection"], "close, Upgrade");
    assert_eq!(
        response.headers()["content-length"],
        response.body().len().to_string()
    );
}

#[test]
fn refusal_without_a_body_has_no_length() {
    let rejection = Rejection::new(http::StatusCode::NO_CONTENT).unwrap();
    let response = rejection.body("dropped").into_http();
    assert_eq!(response.body(), "");
    assert!(!response.headers().contains_key("content-length"));
}

/// Proves: R6455-4.2.1-b
#[test]
fn server_tells_upgrade_attempts_from_pages() {
    let with = |name, value| {
        let request = Request::get("/").header(name, value).body(()).unwrap();
        UpgradeRequest::is_attempt(request.headers())
    };
    assert!(with("upgrade", "h2c, WebSocket"));
    assert!(with("sec-websocket-key", ""));
    assert!(with("sec-websocket-version", "13"));
    assert!(!with("upgrade", "h2c"));
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        let page = Request::get("/").version(version).header("host", "a");
        assert_matches!(
            UpgradeRequest::from_http(&page.body(()).unwrap()),
            Err(HandshakeError::MissingUpgrade)
        );
    }
}

fn extended_connect() -> Request<()> {
    Request::connect("https://example.com/chat?a=b")
        .version(Version::HTTP_2)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("sec-websocket-extensions", "x-echo")
        .header("origin", "https://example.com")
        .body(())
        .unwrap()
}

fn by_connect(request: Request<()>) -> Result<UpgradeRequest, HandshakeError> {
    UpgradeRequest::from_extended_connect(&request, "websocket")
}

/// Proves: R8441-5-a, R8441-5-c, R8441-5-d, R8441-5-e, R8441-5-f, R8441-5-g
#[test]
fn server_answers_extended_connect() {
    let request = by_connect(extended_connect()).unwrap();
    assert_eq!(
        (request.path(), request.query(), request.host()),
        ("/chat", Some("a=b"), "example.com")
    );
    let checked = request.check(&OriginPolicy::SameOrigin).unwrap();
    let accepted = accept(checked.accept()).finish_http();
    assert_eq!(accepted.protocol.as_deref(), Some("chat"));
    assert_eq!(accepted.response.status(), 200);
    let mut lines = lines_of(accepted.response.headers());
    lines.sort();
    assert_eq!(
        lines,
        [
            "sec-websocket-extensions: x-echo; x=1",
            "sec-websocket-protocol: chat",
            "set-cookie: id=1"
        ]
    );
}

/// Proves: R8441-4-b, R8441-5-a, R8441-5-c, R8441-5-f
#[test]
fn server_refuses_bad_extended_connect() {
    let with = |change: fn(&mut Request<()>)| {
        let mut request = extended_connect();
        change(&mut request);
        by_connect(request).map(|request| request.check(&OriginPolicy::SameOrigin).is_ok())
    };
    assert_matches!(with(|_| ()), Ok(true));
    assert_matches!(
        with(|request| *request.version_mut() = Version::HTTP_11),
        Err(HandshakeError::HttpVersion)
    );
    assert_matches!(
        with(|request| *request.method_mut() = Method::GET),
        Err(HandshakeError::Method)
    );
    assert_matches!(
        with(|request| *request.uri_mut() = "example.com:443".parse().unwrap()),
        Err(HandshakeError::InvalidTarget)
    );
    let header = |name: &'static str, value: &'static str| {
        let mut request = extended_connect();
        request.headers_mut().append(name, value.parse().unwrap());
        by_connect(request)
    };
    assert_matches!(
        header("upgrade", "websocket"),
        Err(HandshakeError::Malformed(_))
    );
    assert_matches!(
        header("connection", "upgrade"),
        Err(HandshakeError::Malformed(_))
    );
    // RFC 9113 §8.3.1: a Host with the same meaning is accepted.
    for same in ["EXAMPLE.com", "example.com:443", "example.com:"] {
        assert_matches!(header("host", same), Ok(_));
    }
    assert_matches!(
        header("host", "example.com:80"),
        Err(HandshakeError::DuplicateHeader("Host"))
    );
    assert_matches!(
        header("host", "other.example"),
        Err(HandshakeError::DuplicateHeader("Host"))
    );
    assert_matches!(
        header("sec-websocket-version", "13"),
        Err(HandshakeError::DuplicateHeader("Sec-WebSocket-Version"))
    );
    // The key is not processed.
    assert_matches!(header("sec-websocket-key", "x"), Ok(_));
    assert_matches!(
        with(|request| {
            request
                .headers_mut()
                .insert("origin", "https://evil.example".parse().unwrap());
        }),
        Ok(false)
    );
    let (parts, ()) = extended_connect().into_parts();
    assert_matches!(
        UpgradeRequest::from_extended_connect(&parts, "connect-udp"),
        Err(HandshakeError::InvalidUpgrade)
    );
}
