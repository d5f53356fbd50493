//! `Debug` and `Display` of requests, handshakes and policies are useful and show no secrets.

mod wire;

use std::sync::Arc;

use wire::{NONCE, REQUEST, plain, refused, upgrade, with_line, with_more};
use wskit_handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, OriginPolicy, RequestOrigin,
    WebOrigin,
};

#[test]
fn handshakes_show_no_secrets() {
    let request = ClientRequest::new("ws://ada:secret@h/path?token=hidden")
        .and_then(|request| request.header("cookie", "id=hidden"))
        .unwrap();
    let client = ClientHandshake::new(request, NONCE, HeadLimits::default());
    let shown = format!("{client:?}");
    for secret in ["secret", "hidden", "YWRhOnNlY3JldA"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.starts_with("ClientHandshake { offers"), "{shown}");

    let request = upgrade(with_more(REQUEST, "Cookie: id=hidden"));
    let shown = format!("{request:?} {:?}", request.headers());
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(
        shown.contains("/chat") && shown.contains("Headers"),
        "{shown}"
    );
}

#[test]
fn policies_show_what_they_are() {
    let predicate = OriginPolicy::Predicate(Arc::new(|_| true));
    let shown = [
        OriginPolicy::Any,
        OriginPolicy::SameOrigin,
        predicate.required(),
    ]
    .map(|policy| format!("{policy:?}"));
    assert_eq!(shown, ["Any", "SameOrigin", "Required(Predicate(..))"]);
    let list = OriginPolicy::list(["https://a.example"]).unwrap();
    assert!(format!("{list:?}").contains("https://a.example"));
}

/// Schemes of apps and extensions have no default port.
#[test]
fn origins_show_themselves_as_they_came() {
    for (text, port) in [
        ("https://a.example", Some(443)),
        ("http://a.example:8080", Some(8080)),
        ("app://a", None),
        ("chrome-extension://abc:7", Some(7)),
    ] {
        let origin = WebOrigin::parse(text).unwrap();
        assert_eq!((origin.to_string().as_str(), origin.port()), (text, port));
    }
    assert_ne!(WebOrigin::parse("app://a"), WebOrigin::parse("app://a:80"));
    assert_eq!(WebOrigin::parse("https://[::1]9"), None);
}

/// A checked request can still be read.
#[test]
fn checked_request_is_read_like_a_request() {
    let request = upgrade(with_more(REQUEST, "Origin: https://server.example.com"));
    let checked = request.check(&OriginPolicy::SameOrigin).unwrap();
    assert_eq!(checked.path(), "/chat");
    assert!(
        matches!(checked.request_origin(), RequestOrigin::Site(site) if site.scheme() == "https")
    );
    assert_eq!(checked.accept().request().path(), "/chat");
}

/// Invalid request targets are refused in plain HTTP requests too.
///
/// Proves: X-http-3
#[test]
fn target_of_a_plain_request_is_checked() {
    let page = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    for target in ["/x#y", "#", "/\u{e9}", "http://"] {
        let (error, status) = refused(page(target));
        assert!(
            matches!(error, HandshakeError::InvalidTarget),
            "{target}: {error:?}"
        );
        assert_eq!(status, 400);
    }
    assert_eq!(plain(page("/x?y")).request.uri(), "/x?y");
    for host in ["[::1]9", "[::1", "a:b:c"] {
        let line = format!("Host: {host}");
        let (error, _) = refused(with_line(REQUEST, "Host", &line));
        assert!(
            matches!(error, HandshakeError::InvalidHost),
            "{host}: {error:?}"
        );
    }
}
