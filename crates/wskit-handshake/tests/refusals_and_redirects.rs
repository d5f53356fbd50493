//! RFC 6455 §4.1: refusals in the types of the `http` crate, and redirects.

mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use wire::client;
use wskit_handshake::{ClientRequest, HandshakeError, Refusal, RequestError};

fn refused(response: &[u8]) -> Refusal {
    match client().receive(response) {
        Err(HandshakeError::Refused(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

/// Proves: R6455-4.1-x
#[test]
fn refusal_becomes_a_response_with_all_that_came() {
    let refusal = refused(
        b"HTTP/1.1 401 Who?\r\nWWW-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: a=1\r\n\
          Set-Cookie: b=2\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(
        HandshakeError::Refused(Box::new(refusal.clone())).to_string(),
        "the server responded with 401 Unauthorized (WWW-Authenticate: Basic realm=\"x\")"
    );
    let (parts, body) = refusal.into_http().into_parts();
    assert_eq!(parts.status, 401);
    assert_eq!(parts.version, http::Version::HTTP_11);
    assert_eq!(parts.headers["www-authenticate"], "Basic realm=\"x\"");
    let cookies: Vec<_> = parts.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(parts.headers.len(), 4);
    assert_eq!(body, "hello");

    // Without the framing of the received body.
    let chunked = refused(
        b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
    );
    assert_eq!(chunked.into_http().into_body(), Bytes::from("hello"));
}

/// All challenges are in the text, without what a terminal would obey, and only the beginning of long ones.
#[test]
fn challenge_of_the_server_is_told() {
    let long = "x".repeat(1000);
    for (status, headers, words) in [
        (
            401,
            "WWW-Authenticate: \r\n".to_owned(),
            "401 Unauthorized".to_owned(),
        ),
        (
            401,
            "WWW-Authenticate: Bearer\r\nWWW-Authenticate: Basic realm=\"\u{9b}\t\"\r\n".into(),
            "401 Unauthorized (WWW-Authenticate: Bearer, Basic realm=\"\\xc2\\x9b\\t\")".into(),
        ),
        (
            401,
            format!("WWW-Authenticate: Negotiate {long}\r\nWWW-Authenticate: Basic\r\n"),
            format!(
                "401 Unauthorized (WWW-Authenticate: Negotiate {}...)",
                &long[..118]
            ),
        ),
        (
            403,
            "WWW-Authenticate: Basic\r\n".into(),
            "403 Forbidden".into(),
        ),
    ] {
        let response = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: 0\r\n\r\n");
        let error = HandshakeError::Refused(Box::new(refused(response.as_bytes())));
        assert_eq!(
            error.to_string(),
            format!("the server responded with {words}")
        );
    }
}

/// Malformed chunks end the body, whatever follows.
///
/// Proves: R6455-4.1-x
#[test]
fn body_ends_where_its_chunks_break() {
    let refusal = refused(
        b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\nzz\r\n5\r\nworld\r\n0\r\n\r\n",
    );
    assert_eq!(
        (&refusal.body[..], refusal.body_is_complete),
        (&b"he"[..], false)
    );
}

fn authorization(request: &ClientRequest) -> Option<String> {
    let value = request.headers().get("authorization")?;
    assert!(value.is_sensitive());
    let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
    Some(String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap())
}

/// Credentials in a redirect are for its target. Those of the first URL, and those set by the
/// caller, are not.
///
/// Proves: X-http-7
#[test]
fn credentials_of_a_redirect_go_where_it_leads() {
    let first = ClientRequest::new("wss://ada:secret@a.example/x")
        .and_then(|request| request.header("cookie", "id=1"))
        .unwrap();
    for (location, pair, cookie) in [
        ("wss://eve:own@b.example/", Some("eve:own"), false),
        ("https://eve:own@b.example/", Some("eve:own"), false),
        ("https://eve@b.example/", Some("eve:"), false),
        // The same origin: the credentials of the redirect replace those of the
        // first URL.
        ("wss://eve:own@a.example/y", Some("eve:own"), true),
        ("wss://a.example/y", Some("ada:secret"), true),
        ("wss://b.example/", None, false),
    ] {
        let next = first.redirected_to(location).unwrap();
        assert_eq!(authorization(&next).as_deref(), pair, "{location}");
        assert_eq!(next.headers().contains_key("cookie"), cookie, "{location}");
        assert!(!next.url().contains('@'), "{location}");
        // A redirect to a third origin gets none of them.
        let third = next.redirected_to("wss://c.example/").unwrap();
        assert_eq!(authorization(&third), None, "{location}");
    }
    assert_eq!(
        first.redirected_to("wss://a%3Ab:c@b.example/").unwrap_err(),
        RequestError::InvalidCredentials
    );
}

/// A page instead of a WebSocket: the status alone reads like success.
#[test]
fn success_that_is_no_upgrade_does_not_read_like_success() {
    let page = refused(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>");
    assert_eq!(
        HandshakeError::Refused(Box::new(page)).to_string(),
        "the server responded with 200 OK, not with 101: there is no WebSocket at this path"
    );
    let moved = refused(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(
        HandshakeError::Refused(Box::new(moved)).to_string(),
        "the server responded with 302 Found"
    );
}
