//! RFC 6455 §3, §4.1 and §11.1: what a client sends, and what it refuses to
//! send.

mod wire;

use std::collections::HashSet;

use proptest::prelude::*;
use wire::{NONCE, upgrade};
use wskit_handshake::{
    ClientHandshake, ClientRequest, ExtensionError, HeadLimits, HeaderError, RequestError,
};

fn bytes(request: ClientRequest) -> String {
    let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    String::from_utf8(handshake.request_bytes().to_vec()).unwrap()
}

fn new(url: &str) -> ClientRequest {
    ClientRequest::new(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn error(url: &str) -> RequestError {
    ClientRequest::new(url)
        .map(|request| request.url())
        .expect_err(url)
}

/// Proves: R6455-4.1-h, R6455-4.1-j, R6455-4.1-k, R6455-4.1-m, R6455-4.1-n,
/// R6455-4.1-o, R6455-4.1-r
#[test]
fn client_writes_the_plainest_request() {
    assert_eq!(
        bytes(new("ws://server.example.com/chat")),
        "GET /chat HTTP/1.1\r\n\
         Host: server.example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         \r\n"
    );
}

/// Proves: R6455-4.1-q, R6455-4.1-s, R6455-4.1-u, R6455-4.1-v
#[test]
fn client_writes_everything_it_was_given_in_order() {
    let request = new("wss://u:p@h:8443/")
        .protocols(["b", "a"])
        .and_then(|request| request.extension("x", [("p", None), ("q", Some("1"))]))
        .and_then(|request| request.extensions(r#"y; z="2""#))
        .and_then(|request| request.origin("https://page.example"))
        .and_then(|request| request.header("Cookie", "a=1"))
        .and_then(|request| request.header("X-Thing", "t"))
        .and_then(|request| request.header("cookie", "b=2"))
        .unwrap();
    assert_eq!(
        bytes(request),
        "GET / HTTP/1.1\r\n\
         Host: h:8443\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: b, a\r\n\
         Sec-WebSocket-Extensions: x; p; q=1, y; z=2\r\n\
         Authorization: Basic dTpw\r\n\
         Origin: https://page.example\r\n\
         Cookie: a=1; b=2\r\n\
         X-Thing: t\r\n\
         \r\n"
    );
}

/// Proves: R6455-3-a, R6455-4.1-a
#[test]
fn client_takes_two_schemes_only() {
    assert!(!new("WS://h/").is_secure());
    assert!(new("wSs://h/").is_secure());
    for url in [
        "http://h/",
        "https://h/",
        "wsx://h/",
        "ws:/h",
        "ws:h",
        "//h/",
        "h",
        "",
        "://h",
    ] {
        assert_eq!(error(url), RequestError::Scheme, "{url}");
    }
    for url in [
        "ws://",
        "ws:///p",
        "ws://?q",
        "ws://:80/",
        "ws://u@/",
        "ws://u@:1/",
    ] {
        assert_eq!(error(url), RequestError::EmptyHost, "{url}");
    }
}

/// Proves: R6455-3-b, R6455-4.1-l
#[test]
fn client_names_the_port_only_when_it_differs() {
    for (url, host, port, line) in [
        ("ws://h/", "h", 80, "Host: h\r\n"),
        ("wss://h/", "h", 443, "Host: h\r\n"),
        ("ws://h:80/", "h", 80, "Host: h\r\n"),
        ("wss://h:443/", "h", 443, "Host: h\r\n"),
        ("ws://h:/", "h", 80, "Host: h\r\n"),
        ("ws://h:443/", "h", 443, "Host: h:443\r\n"),
        ("wss://h:80/", "h", 80, "Host: h:80\r\n"),
        (
            "ws://H.Example:0081",
            "h.example",
            81,
            "Host: h.example:81\r\n",
        ),
        (
            "ws://127.0.0.1:65535",
            "127.0.0.1",
            65535,
            "Host: 127.0.0.1:65535\r\n",
        ),
    ] {
        let request = new(url);
        assert_eq!((request.host(), request.port()), (host, port), "{url}");
        let bytes = bytes(request);
        assert!(bytes.contains(line), "{url}: {bytes}");
        assert_eq!(bytes.matches("Host:").count(), 1);
    }
    for url in [
        "ws://h:0/",
        "ws://h:65536/",
        "ws://h:+80/",
        "ws://h:8 0/",
        "ws://h:x/",
        "ws://h:000080/",
        "ws://h:-1/",
    ] {
        let error = error(url);
        assert!(
            matches!(
                error,
                RequestError::InvalidPort | RequestError::InvalidCharacter { .. }
            ),
            "{url}: {error:?}"
        );
    }
}

/// Proves: R6455-3-c, R6455-3-d
#[test]
fn client_refuses_a_fragment_and_keeps_an_encoded_one() {
    for url in ["ws://h/a#b", "ws://h#", "ws://h/?q#f", "ws://h#/x"] {
        assert_eq!(error(url), RequestError::Fragment, "{url}");
    }
    assert_eq!(new("ws://h/a%23b?c%23").resource(), "/a%23b?c%23");
}

/// Proves: R6455-3-e
#[test]
fn client_builds_the_resource_name() {
    for (url, resource) in [
        ("ws://h", "/"),
        ("ws://h/", "/"),
        ("ws://h?x=1", "/?x=1"),
        ("ws://h/p?", "/p"),
        ("ws://h/p?q?r", "/p?q?r"),
        ("ws://h//a/../b", "//a/../b"),
        ("ws://u:p@h/x@y", "/x@y"),
    ] {
        let request = new(url);
        assert_eq!(request.resource(), resource, "{url}");
        let first = format!("GET {resource} HTTP/1.1\r\n");
        assert!(bytes(request).starts_with(&first), "{url}");
    }
}

/// Proves: R6455-3-f
#[test]
fn client_keeps_the_brackets_of_ipv6() {
    let request = new("ws://[::1]:9/");
    assert_eq!(request.host(), "::1");
    assert!(bytes(request).contains("\r\nHost: [::1]:9\r\n"));
    for url in [
        "ws://[::1/",
        "ws://[]/",
        "ws://[1.2.3.4]/",
        "ws://[::1]9/",
        "ws://::1/",
    ] {
        let error = error(url);
        assert!(
            matches!(
                error,
                RequestError::InvalidHost | RequestError::InvalidPort | RequestError::EmptyHost
            ),
            "{url}: {error:?}"
        );
    }
}

/// Proves: R6455-11.1-a, R6455-11.1-b
#[test]
fn client_never_sends_raw_non_ascii() {
    assert_eq!(error("ws://bücher.example/"), RequestError::NonAsciiHost);
    assert_eq!(new("ws://h/é?ü={x}").resource(), "/%C3%A9?%C3%BC=%7Bx%7D");
    assert_eq!(new("ws://h/%c3%a9").resource(), "/%c3%a9");
}

/// Proves: R6455-4.1-a
#[test]
fn client_refuses_broken_urls() {
    for (url, character, position) in [
        ("ws://h/a b", ' ', 8),
        ("ws://h/\r\nX: y", '\r', 7),
        ("ws://h/\0", '\0', 7),
        ("ws://h/%", '%', 7),
        ("ws://h/%4", '%', 7),
        ("ws://h/é%zz", '%', 9),
        ("wss://u:p@h:1/a?b=%2f%2", '%', 21),
        (" ws://h/", ' ', 0),
        ("ws://h/\u{7f}", '\u{7f}', 7),
        ("ws://h%41/", '%', 6),
        ("ws://u:p@h,i/", ',', 10),
        ("ws://<h>/", '<', 5),
        ("ws://h\\i/", '\\', 6),
        ("ws://h^/", '^', 6),
    ] {
        let character = Some(character);
        let expected = RequestError::InvalidCharacter {
            character,
            position,
        };
        assert_eq!(error(url), expected, "{url}");
    }
}

/// Proves: R6455-3-e
#[test]
fn client_moves_credentials_into_a_header() {
    for (url, pair) in [
        ("ws://user:pass@h/", "dXNlcjpwYXNz"),
        ("ws://user@h/", "dXNlcjo="),
        ("ws://us%40er:p%3Aa%3As@h/", "dXNAZXI6cDphOnM="),
        ("ws://a!$&'()*+,;=:b%40c@h/", "YSEkJicoKSorLDs9OmJAYw=="),
    ] {
        let request = new(url);
        assert!(!request.url().contains('@'), "{url}");
        assert!(!format!("{request:?}").contains(pair), "{request:?}");
        let bytes = bytes(request);
        assert!(
            bytes.contains(&format!("\r\nAuthorization: Basic {pair}\r\n")),
            "{bytes}"
        );
        assert!(
            bytes.starts_with("GET / HTTP/1.1\r\nHost: h\r\n"),
            "{bytes}"
        );
    }
    assert_eq!(error("ws://a%3Ab:c@h/"), RequestError::InvalidCredentials);
    assert_eq!(error("ws://a:b%0D%0A@h/"), RequestError::InvalidCredentials);
    let chosen = new("ws://user:pass@h/").basic_auth("a", "b").unwrap();
    let bytes = bytes(chosen);
    assert!(bytes.contains("Basic YTpi\r\n") && bytes.matches("Authorization").count() == 1);
}

/// Proves: R6455-4.1-t
#[test]
fn client_refuses_bad_protocols() {
    for name in ["", "a b", "a,b", "a\r\nb", "é", "a/b", "\"a\"", "a\0"] {
        let error = new("ws://h/").protocol(name).unwrap_err();
        assert_eq!(error, RequestError::InvalidProtocol, "{name:?}");
    }
    let twice = new("ws://h/").protocols(["a", "b", "a"]).unwrap_err();
    assert_eq!(twice, RequestError::RepeatedProtocol);
    assert!(new("ws://h/").protocols(["a", "A"]).is_ok());
}

/// Proves: R6455-4.1-s, R6455-4.1-u
#[test]
fn client_writes_no_empty_lists() {
    let none: [&str; 0] = [];
    let bytes = bytes(new("ws://h/").protocols(none).unwrap());
    assert!(
        !bytes.contains("Protocol:") && !bytes.contains("Extensions:"),
        "{bytes}"
    );
}

/// Proves: R6455-4.1-v, R6455-4.1-r, R6455-11.3.1-a
#[test]
fn client_keeps_reserved_headers_to_itself() {
    for name in [
        "upgrade",
        "CONNECTION",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let error = new("ws://h/").header(name, "x").unwrap_err();
        let reserved = HeaderError::Reserved(name.to_ascii_lowercase().parse().unwrap());
        assert_eq!(error, RequestError::Header(reserved));
    }
}

/// Proves: R6455-4.1-v
#[test]
fn client_completes_a_request_of_the_http_crate() {
    let request = http::Request::get("wss://h/p")
        .header("Host", "h")
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "WebSocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
        .header("Sec-WebSocket-Protocol", "a, b")
        .header("Sec-WebSocket-Extensions", "x; y")
        .header("X-Own", "1")
        .body(())
        .unwrap();
    let own = bytes(request.try_into().unwrap());
    let built = new("wss://h/p")
        .protocols(["a", "b"])
        .and_then(|request| request.extensions("x; y"))
        .and_then(|request| request.header("x-own", "1"))
        .unwrap();
    assert_eq!(own, bytes(built));

    let bare = http::Request::get("ws://u:p@h/")
        .header("authorization", "Bearer t")
        .body(())
        .unwrap();
    let bytes = bytes(bare.try_into().unwrap());
    assert!(
        bytes.contains("Authorization: Bearer t\r\n\r\n") && !bytes.contains("Basic"),
        "{bytes}"
    );
}

/// Proves: R6455-4.1-j, R6455-4.1-v
#[test]
fn client_refuses_a_request_of_the_http_crate_that_disagrees() {
    let request = || http::Request::get("ws://h/");
    for (name, value) in [
        ("upgrade", "h2c"),
        ("connection", "close"),
        ("sec-websocket-version", "8"),
        ("sec-websocket-accept", "x"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
    ] {
        let request = request().header(name, value).body(()).unwrap();
        let error = ClientRequest::from_http(&request).unwrap_err();
        let reserved = HeaderError::Reserved(name.parse().unwrap());
        assert_eq!(error, RequestError::Header(reserved), "{name}");
    }
    let post = http::Request::post("ws://h/").body(()).unwrap();
    assert_eq!(
        ClientRequest::from_http(&post).unwrap_err(),
        RequestError::Method
    );
    let old = request().version(http::Version::HTTP_10).body(()).unwrap();
    assert_eq!(
        ClientRequest::from_http(&old).unwrap_err(),
        RequestError::Version
    );
    let path = http::Request::get("/only/a/path").body(()).unwrap();
    assert_eq!(
        ClientRequest::from_http(&path).unwrap_err(),
        RequestError::Scheme
    );
}

/// Proves: R6455-4.1-u
#[test]
fn client_refuses_bad_extension_offers() {
    let list = |text| new("ws://h/").extensions(text).unwrap_err();
    assert_eq!(list(""), RequestError::Extension(ExtensionError::Empty));
    assert_eq!(
        list("a;"),
        RequestError::Extension(ExtensionError::ParamName)
    );
    let typed = new("ws://h/")
        .extension("a", [("b", Some("c d"))])
        .unwrap_err();
    assert_eq!(typed, RequestError::Extension(ExtensionError::ParamValue));
}

/// Proves: X-http-7
#[test]
fn client_keeps_credentials_from_other_origins() {
    let request = new("wss://u:p@a.example/x")
        .header("cookie", "id=1")
        .and_then(|request| request.header("x-own", "1"))
        .and_then(|request| request.protocol("chat"))
        .unwrap();
    for (location, url, kept) in [
        ("/y?z", "wss://a.example/y?z", true),
        ("https://a.example/y", "wss://a.example/y", true),
        ("wss://a.example:443/", "wss://a.example/", true),
        ("/y#part", "wss://a.example/y", true),
        ("wss://a.example:444/", "wss://a.example:444/", false),
        ("https://b.example/", "wss://b.example/", false),
        ("wss://a.example.evil/", "wss://a.example.evil/", false),
        ("//b.example/", "wss://b.example/", false),
    ] {
        let next = request.redirected_to(location).unwrap();
        assert_eq!(next.url(), url);
        for name in ["authorization", "cookie", "x-own"] {
            assert_eq!(next.headers().contains_key(name), kept, "{location}");
        }
        let offered = bytes(next).contains("Sec-WebSocket-Protocol: chat\r\n");
        assert_eq!(offered, kept, "{location}");
    }
    for location in ["ws://a.example/", "http://a.example/"] {
        let error = request.redirected_to(location).unwrap_err();
        assert_eq!(error, RequestError::InsecureRedirect);
    }
}

/// Proves: R6455-4.1-pac
#[test]
fn client_url_is_read_back_as_it_is_written() {
    for url in [
        "ws://h",
        "wss://H:0443/a?b",
        "ws://u:p@[::1]:80/é",
        "ws://h:9?x",
    ] {
        let written = new(url).url();
        assert_eq!(new(&written).url(), written);
    }
    assert_eq!(new("ws://u:p@[::1]:80/é").url(), "ws://[::1]/%C3%A9");
}

proptest! {
    /// Proves: R6455-4.1-i, R6455-4.1-k, R6455-4.1-o
    #[test]
    fn client_requests_pass_the_server(
        path in "(/[a-zA-Z0-9é {}|%23~-]{0,9}){0,3}",
        query in "(\\?[a-z=&?/]{0,9})?",
        nonce: [u8; 16],
    ) {
        let Ok(request) = ClientRequest::new(format!("ws://host.example:81{path}{query}")) else {
            return Ok(()); // blanks and broken percent signs
        };
        let resource = request.resource().to_owned();
        let handshake = ClientHandshake::new(request, nonce, HeadLimits::default());
        let seen = upgrade(handshake.request_bytes());
        let query = seen.query().map(|query| format!("?{query}")).unwrap_or_default();
        prop_assert_eq!(format!("{}{}", seen.path(), query), resource);
        prop_assert_eq!(seen.host(), "host.example:81");
        prop_assert_eq!(seen.header("sec-websocket-key").unwrap().len(), 24);
    }

    /// No URL causes a panic or a second line.
    ///
    /// Proves: R6455-4.1-a, R6455-4.1-i
    #[test]
    fn client_survives_any_url(url in "(wss?://)?.{0,40}") {
        if let Ok(request) = ClientRequest::new(&url) {
            let bytes = bytes(request);
            prop_assert!(bytes.is_ascii());
            prop_assert!(bytes.lines().count() <= 8);
        }
    }
}

/// Proves: R6455-4.1-o
#[test]
fn client_keys_differ_with_the_nonce() {
    let keys: HashSet<String> = (0..1000_u128)
        .map(|n| {
            let handshake =
                ClientHandshake::new(new("ws://h/"), n.to_be_bytes(), HeadLimits::default());
            String::from_utf8(handshake.request_bytes().to_vec()).unwrap()
        })
        .collect();
    assert_eq!(keys.len(), 1000);
}

#[test]
fn client_takes_a_url_in_any_type_of_text() {
    let url = String::from("ws://example.com/chat");
    let borrowed = ClientRequest::new(&url).unwrap();
    let cow = ClientRequest::new(std::borrow::Cow::Borrowed(&*url)).unwrap();
    let owned = ClientRequest::new(url).unwrap();
    for request in [borrowed, cow, owned] {
        assert_eq!(request.host(), "example.com");
    }
}
