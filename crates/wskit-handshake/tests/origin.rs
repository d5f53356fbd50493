//! RFC 6455 §10.2: which pages may open a WebSocket.

mod wire;

use proptest::prelude::*;
use wire::{REQUEST, assert_matches, refused, upgrade, with_line, with_more};
use wskit_handshake::{HandshakeError, OriginPolicy, RequestOrigin, UpgradeRequest, WebOrigin};

fn from(origin: &str) -> UpgradeRequest {
    upgrade(with_more(REQUEST, &format!("Origin: {origin}")))
}

fn passes(policy: &OriginPolicy, request: UpgradeRequest) -> bool {
    request.check(policy).is_ok()
}

/// Origins that are similar to https://good.example but not equal.
const TRICKS: [&str; 22] = [
    "https://good.example.evil",
    "https://evilgood.example",
    "https://good.example:444",
    "http://good.example",
    "https://good.example.",
    "https://good.example@evil.example",
    "https://evil.example@good.example",
    "https://user:pass@good.example",
    "https://good.example/",
    "https://good.example/path",
    "https://good.example#evil",
    "https://good.example?evil",
    "https://good.example:+443",
    "https://good.example:443:443",
    "https://good.example, https://evil.example",
    "https://good.example https://evil.example",
    "https:good.example",
    "https:////good.example",
    "//good.example",
    "good.example",
    "https://gооd.example", // Cyrillic о
    "wss://good.example",
];

/// Proves: R6455-10.2-a, R6455-4.2.2-c
#[test]
fn server_list_compares_whole_origins() {
    let policy = OriginPolicy::list(["https://good.example", "http://localhost:3000"]).unwrap();
    for good in [
        "https://good.example",
        "https://GOOD.example",
        "HTTPS://good.EXAMPLE",
        "https://good.example:443",
        "https://good.example:",
        "http://localhost:3000",
    ] {
        assert!(passes(&policy, from(good)), "{good}");
    }
    for bad in TRICKS
        .into_iter()
        .chain(["null", "", "http://localhost", "https://localhost:3000"])
    {
        assert!(!passes(&policy, from(bad)), "{bad}");
    }
}

/// Proves: R6455-10.2-a, R6455-4.2.2-c
#[test]
fn server_same_origin_compares_with_host() {
    let with = |host: &str, origin: &str| {
        let request = with_line(REQUEST, "Host", &format!("Host: {host}"));
        upgrade(with_more(&request, &format!("Origin: {origin}")))
    };
    let policy = OriginPolicy::SameOrigin;
    for (host, origin) in [
        ("good.example", "https://good.example"),
        ("good.example", "http://good.example"), // behind a terminator either can be
        ("GOOD.example", "https://good.EXAMPLE"),
        ("good.example:443", "https://good.example"),
        ("good.example", "https://good.example:443"),
        ("good.example:8080", "http://good.example:8080"),
        ("[::1]:80", "http://[::1]"),
    ] {
        assert!(passes(&policy, with(host, origin)), "{host} {origin}");
    }
    for (host, origin) in [
        ("good.example:443", "http://good.example"),
        ("good.example:8080", "http://good.example"),
        ("good.example", "http://good.example:8080"),
        ("good.example", "ftp://good.example"),
        ("[::1]", "http://[::2]"),
    ] {
        assert!(!passes(&policy, with(host, origin)), "{host} {origin}");
    }
    for bad in TRICKS.into_iter().chain(["null", ""]) {
        if bad != "http://good.example" {
            assert!(!passes(&policy, with("good.example", bad)), "{bad}");
        }
    }
}

/// Proves: R6455-4.2.1-h
#[test]
fn server_tells_absent_null_and_present_apart() {
    assert_eq!(upgrade(REQUEST).request_origin(), RequestOrigin::Absent);
    assert_eq!(from("null").request_origin(), RequestOrigin::Null);
    assert_matches!(
        from("NULL").request_origin(),
        RequestOrigin::Invalid(b"NULL")
    );
    assert_matches!(from("").request_origin(), RequestOrigin::Invalid(b""));
    let request = from("https://h.example:8443");
    let RequestOrigin::Site(site) = request.request_origin() else {
        panic!()
    };
    assert_eq!(
        (site.scheme(), site.host(), site.port()),
        ("https", "h.example", Some(8443))
    );
    assert_eq!(site.to_string(), "https://h.example:8443");
}

/// Proves: R6455-4.2.1-h
#[test]
fn server_can_require_an_origin() {
    let list = OriginPolicy::list(["https://good.example"]).unwrap();
    for policy in [OriginPolicy::Any, OriginPolicy::SameOrigin, list] {
        assert!(passes(&policy, upgrade(REQUEST)), "{policy:?}");
        let required = policy.required();
        assert!(!passes(&required, upgrade(REQUEST)), "{required:?}");
        let same = from("https://server.example.com");
        let expected = !matches!(&required, OriginPolicy::Required(inner) if matches!(**inner, OriginPolicy::List(_)));
        assert_eq!(passes(&required.required(), same), expected);
    }
}

/// Proves: R6455-10.2-a
#[test]
fn server_allows_null_only_by_name() {
    assert!(passes(&OriginPolicy::Any, from("null")));
    assert!(passes(&OriginPolicy::list(["null"]).unwrap(), from("null")));
    assert!(!passes(
        &OriginPolicy::list(["https://h"]).unwrap(),
        from("null")
    ));
    assert!(!passes(&OriginPolicy::SameOrigin, from("null")));
    let none: [&str; 0] = [];
    assert!(!passes(
        &OriginPolicy::list(none).unwrap(),
        from("https://h")
    ));
}

/// Apps of local pages send this.
///
/// Proves: R6455-10.2-a, R6455-4.2.2-c
#[test]
fn server_list_may_name_file() {
    let policy = OriginPolicy::list(["file://"]).unwrap();
    for good in ["file://", "FILE://"] {
        assert!(passes(&policy, from(good)), "{good}");
        assert!(!passes(&OriginPolicy::SameOrigin, from(good)), "{good}");
    }
    for bad in [
        "file:",
        "file:/",
        "file:///",
        "file:///x",
        "file://:",
        "file://h",
        "null",
    ] {
        assert!(!passes(&policy, from(bad)), "{bad}");
    }
    let other = OriginPolicy::list(["https://good.example", "null"]).unwrap();
    assert!(!passes(&other, from("file://")));
    let request = from("file://");
    let RequestOrigin::Site(site) = request.request_origin() else {
        panic!()
    };
    assert_eq!(
        (site.scheme(), site.host(), site.port()),
        ("file", "", None)
    );
    assert_eq!(site.to_string(), "file://");
    for entry in ["http://", "app://", "file:///", "file://:1"] {
        assert!(OriginPolicy::list([entry]).is_err(), "{entry}");
    }
}

/// Proves: R6455-4.2.2-c
#[test]
fn server_asks_a_predicate() {
    let policy = OriginPolicy::predicate(|request| match request.request_origin() {
        RequestOrigin::Site(site) => site.host().ends_with(".good.example"),
        RequestOrigin::Absent => request.header("x-robot").is_some(),
        _ => false,
    });
    assert!(passes(&policy, from("https://a.good.example")));
    assert!(!passes(&policy, from("https://good.example")));
    assert!(!passes(&policy, upgrade(REQUEST)));
    assert!(passes(&policy, upgrade(with_more(REQUEST, "X-Robot: 1"))));
}

/// Proves: R6455-10.2-b, R6455-4.2.2-d
#[test]
fn server_refuses_with_403() {
    let rejection = from("https://evil.example")
        .check(&OriginPolicy::SameOrigin)
        .unwrap_err();
    assert_eq!(
        rejection.to_bytes().escape_ascii().to_string(),
        b"HTTP/1.1 403 Forbidden\r\n\
          Content-Type: text/plain; charset=utf-8\r\n\
          Content-Length: 19\r\n\
          Connection: close\r\n\
          \r\n\
          origin not allowed\n"
            .escape_ascii()
            .to_string()
    );
}

/// Proves: R6455-10.2-a
#[test]
fn server_refuses_two_origins() {
    let two = with_more(
        REQUEST,
        "Origin: https://good.example\r\norigin: https://good.example",
    );
    assert_matches!(
        refused(two),
        (HandshakeError::DuplicateHeader("Origin"), 400)
    );
}

/// Proves: R6455-4.2.2-c
#[test]
fn caller_cannot_list_what_is_no_origin() {
    for entry in [
        "good.example",
        "https://good.example/",
        "*",
        "https://*.good.example",
        "https://bücher.example",
        "",
    ] {
        let error = OriginPolicy::list([entry]).unwrap_err();
        assert_eq!(error.entry(), entry);
    }
    OriginPolicy::list([
        "https://xn--bcher-kva.example",
        "tauri://localhost",
        "chrome-extension://abc",
    ])
    .unwrap();
}

proptest! {
    /// Equality follows RFC 6454, for any spelling.
    ///
    /// Proves: R6455-10.2-a
    #[test]
    fn origins_compare_by_their_parts(
        scheme in "https?|ws", host in "[a-c]\\.example", port in proptest::option::of(1_u16..),
        other_host in "[a-c]\\.example", other_port in proptest::option::of(1_u16..),
    ) {
        let write = |host: &str, port: Option<u16>| match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        let (a, b) = (write(&host, port), write(&other_host, other_port).to_ascii_uppercase());
        let (a, b) = (WebOrigin::parse(&a).unwrap(), WebOrigin::parse(&b).unwrap());
        let default = if scheme == "https" { 443 } else { 80 };
        let same = host == other_host && port.unwrap_or(default) == other_port.unwrap_or(default);
        prop_assert_eq!(a == b, same);
    }

    /// Proves: R6455-10.2-a
    #[test]
    fn server_survives_any_origin(origin in "[ -~]{0,30}") {
        let request = from(&origin);
        let _ = request.request_origin();
        let list = OriginPolicy::list(["https://good.example"]).unwrap();
        let good = origin.trim_matches(' ').eq_ignore_ascii_case("https://good.example");
        prop_assert!(!passes(&list, request) || good);
    }
}
