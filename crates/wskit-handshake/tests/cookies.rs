//! Cookies of a request (RFC 6265 §4.2.1), by name.

mod wire;

use wire::{REQUEST, upgrade, with_more};
use wskit_handshake::UpgradeRequest;

fn cookie(lines: &str, name: &str) -> Option<String> {
    let request = upgrade(with_more(REQUEST, lines));
    request.cookie(name).map(str::to_owned)
}

#[test]
fn cookie_is_found_by_its_name() {
    for (lines, value) in [
        ("Cookie: session=42", Some("42")),
        ("cookie: a=1; session=42; b=2", Some("42")),
        // Without the blank, and with more of them.
        ("Cookie: a=1;session=42", Some("42")),
        ("Cookie:  a=1 ; \t session=42 \t", Some("42")),
        // Several lines, as HTTP/2 may send them (RFC 9113 §8.2.3).
        (
            "Cookie: a=1\r\nCookie: session=42\r\nCookie: b=2",
            Some("42"),
        ),
        // The first of several: that with the longest path (RFC 6265 §5.4).
        ("Cookie: session=42; session=43", Some("42")),
        ("Cookie: session=42\r\nCookie: session=43", Some("42")),
        // A value is all that follows the first `=`, as sent.
        ("Cookie: session=a=b==", Some("a=b==")),
        ("Cookie: session=\"42\"", Some("\"42\"")),
        ("Cookie: session=", Some("")),
        // Other names, and what is no pair.
        ("Cookie: Session=42", None),
        ("Cookie: sessionid=42; my-session=42", None),
        ("Cookie: session", None),
        ("Cookie: session; a=1", None),
        ("Cookie: a=session=42", None),
        ("X-Cookie: session=42", None),
        ("X-Other: 1", None),
    ] {
        assert_eq!(cookie(lines, "session").as_deref(), value, "{lines}");
    }
    // A pair without a name.
    assert_eq!(cookie("Cookie: 42; a=1", ""), None);
}

/// What one cookie holds does not hide the others.
#[test]
fn cookie_beside_one_that_is_not_utf8_is_found() {
    let text = with_more(REQUEST, "Cookie: a=?; session=42; b=?");
    let not_utf8 = |byte| if byte == b'?' { 0xff } else { byte };
    let request = upgrade(text.bytes().map(not_utf8).collect::<Vec<_>>());
    assert_eq!(request.cookie("session"), Some("42"));
    assert_eq!(request.cookie("a"), None);
}

/// Cookie lines of a request over HTTP/2.
#[test]
fn cookie_over_http2_is_found() {
    let request = http::Request::builder()
        .method(http::Method::CONNECT)
        .version(http::Version::HTTP_2)
        .uri("https://example.com/chat")
        .header("sec-websocket-version", "13")
        .header("cookie", "a=1")
        .header("cookie", "session=42")
        .body(())
        .unwrap();
    let request = UpgradeRequest::from_extended_connect(&request, "websocket").unwrap();
    assert_eq!(request.cookie("session"), Some("42"));
}
