//! Redirects: a `Location` is resolved by RFC 3986 §5.2 against the URL of the request.

mod wire;

use wire::NONCE;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, RequestError};

fn from(base: &str, location: &str) -> Result<String, RequestError> {
    let request = ClientRequest::new(base).unwrap();
    Ok(request.redirected_to(location)?.url())
}

/// RFC 3986 §5.4, both tables, with `ws` instead of `http`. A fragment is not sent, and an empty
/// query is dropped.
///
/// Proves: R6455-4.1-x
#[test]
fn examples_of_the_rfc_lead_where_it_says() {
    for (reference, target) in [
        ("g", "ws://a/b/c/g"),
        ("./g", "ws://a/b/c/g"),
        ("g/", "ws://a/b/c/g/"),
        ("/g", "ws://a/g"),
        ("//g", "ws://g/"),
        ("?y", "ws://a/b/c/d;p?y"),
        ("g?y", "ws://a/b/c/g?y"),
        ("#s", "ws://a/b/c/d;p?q"),
        ("g#s", "ws://a/b/c/g"),
        ("g?y#s", "ws://a/b/c/g?y"),
        (";x", "ws://a/b/c/;x"),
        ("g;x", "ws://a/b/c/g;x"),
        ("g;x?y#s", "ws://a/b/c/g;x?y"),
        ("", "ws://a/b/c/d;p?q"),
        (".", "ws://a/b/c/"),
        ("./", "ws://a/b/c/"),
        ("..", "ws://a/b/"),
        ("../", "ws://a/b/"),
        ("../g", "ws://a/b/g"),
        ("../..", "ws://a/"),
        ("../../", "ws://a/"),
        ("../../g", "ws://a/g"),
        // §5.4.2
        ("../../../g", "ws://a/g"),
        ("../../../../g", "ws://a/g"),
        ("/./g", "ws://a/g"),
        ("/../g", "ws://a/g"),
        ("g.", "ws://a/b/c/g."),
        (".g", "ws://a/b/c/.g"),
        ("g..", "ws://a/b/c/g.."),
        ("..g", "ws://a/b/c/..g"),
        ("./../g", "ws://a/b/g"),
        ("./g/.", "ws://a/b/c/g/"),
        ("g/./h", "ws://a/b/c/g/h"),
        ("g/../h", "ws://a/b/c/h"),
        ("g;x=1/./y", "ws://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "ws://a/b/c/y"),
        ("g?y/./x", "ws://a/b/c/g?y/./x"),
        ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ("g#s/./x", "ws://a/b/c/g"),
        ("g#s/../x", "ws://a/b/c/g"),
    ] {
        let reached = from("ws://a/b/c/d;p?q", reference);
        assert_eq!(reached.as_deref(), Ok(target), "{reference:?}");
    }
    // A text that begins with a scheme is not a relative reference, and these are not WebSocket
    // URLs.
    for reference in ["g:h", "http:g", "ws:/g", "mailto:a@b"] {
        let reached = from("ws://a/b/c/d;p?q", reference);
        assert_eq!(reached, Err(RequestError::Scheme), "{reference:?}");
    }
}

/// Proves: R6455-4.1-x
#[test]
fn location_may_be_relative_or_absolute() {
    for (base, location, target) in [
        ("ws://h", "there", "ws://h/there"),
        ("ws://h?q", "?x=1", "ws://h/?x=1"),
        ("ws://h/a/b", "httpdocs/x", "ws://h/a/httpdocs/x"),
        ("ws://h/a/b", "wss/x", "ws://h/a/wss/x"),
        ("ws://h/a/b", "x/y:z", "ws://h/a/x/y:z"),
        ("wss://h:81/a", "//i/x", "wss://i/x"),
        ("wss://h:81/a", "//i:82", "wss://i:82/"),
        ("wss://h:81/a", "/x", "wss://h:81/x"),
        ("ws://[::1]:81/a", "b", "ws://[::1]:81/b"),
        ("ws://h/a", "HTTP://i/x", "ws://i/x"),
        ("ws://h/a", "Https://i/x", "wss://i/x"),
        ("ws://h/a", "WSS://i/x", "wss://i/x"),
        ("ws://h/a", "ws://i/a/../b/./c", "ws://i/b/c"),
        ("ws://h/a", "/x?y?z#f?g", "ws://h/x?y?z"),
    ] {
        assert_eq!(from(base, location).as_deref(), Ok(target), "{location}");
    }
}

fn invalid(character: char, position: usize) -> RequestError {
    RequestError::InvalidCharacter {
        character: Some(character),
        position,
    }
}

#[test]
fn location_that_is_no_reference_is_refused() {
    for (location, error) in [
        // Counted in the URL that the location leads to.
        ("a b", invalid(' ', 8)),
        ("/a b", invalid(' ', 8)),
        ("?a b", invalid(' ', 10)),
        ("a\r\nX: y", invalid('\r', 8)),
        ("/a%", invalid('%', 8)),
        // Browsers read a backslash as a slash and would go to another place.
        ("/\\evil.example/", invalid('\\', 1)),
        ("\\\\evil.example/", invalid('\\', 0)),
        ("//a.example\\@b.example/", invalid('\\', 11)),
        (
            "http://a.example\\@b.example/",
            RequestError::InvalidCharacter {
                character: None,
                position: 16,
            },
        ),
        ("///x", RequestError::EmptyHost),
        ("//", RequestError::EmptyHost),
        ("//h:0/", RequestError::InvalidPort),
        ("ftp://h/", RequestError::Scheme),
    ] {
        assert_eq!(from("ws://h/a", location), Err(error), "{location}");
    }
    assert_eq!(
        from("wss://h/", "http://h/x"),
        Err(RequestError::InsecureRedirect)
    );
}

fn head(request: ClientRequest) -> String {
    let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    String::from_utf8(handshake.request_bytes().to_vec()).unwrap()
}

/// Tokens may be in headers of any name, and in subprotocols.
///
/// Proves: X-http-7
#[test]
fn another_origin_gets_nothing_of_the_callers() {
    let request = ClientRequest::new("wss://u:p@a.example/x")
        .and_then(|request| request.header("cookie", "id=1"))
        .and_then(|request| request.header("x-api-key", "secret"))
        .and_then(|request| request.header("user-agent", "mine"))
        .and_then(|request| request.origin("https://page.example"))
        .and_then(|request| request.protocol("bearer.secret"))
        .and_then(|request| request.extensions("permessage-deflate"))
        .unwrap();
    for location in [
        "//b.example/x",
        "https://b.example/x",
        "wss://a.example:444/x",
        "wss://sub.a.example/x",
    ] {
        let next = request.redirected_to(location).unwrap();
        let authority = next.url();
        let authority = authority["wss://".len()..].trim_end_matches("/x");
        assert_eq!(
            head(next),
            format!(
                "GET /x HTTP/1.1\r\n\
                 Host: {authority}\r\n\
                 Upgrade: websocket\r\n\
                 Connection: Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Extensions: permessage-deflate\r\n\
                 \r\n"
            ),
            "{location}"
        );
    }
    // The same origin gets everything, by any form of reference.
    let whole = head(request.clone());
    for location in ["/x", "x", "//a.example/x", "https://A.example:443/x"] {
        let next = request.redirected_to(location).unwrap();
        assert_eq!(head(next), whole, "{location}");
    }
}
