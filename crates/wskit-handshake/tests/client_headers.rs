//! Headers that a caller adds to the request.

mod wire;

use wire::NONCE;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, HeaderError, RequestError};

fn head(request: ClientRequest) -> String {
    let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    String::from_utf8(handshake.request_bytes().to_vec()).unwrap()
}

fn new() -> ClientRequest {
    ClientRequest::new("ws://h/").unwrap()
}

/// RFC 6265 §5.4: a user agent must not attach more than one Cookie line.
#[test]
fn cookies_are_joined_into_one_line() {
    let request = new()
        .header("cookie", "a=1")
        .and_then(|request| request.header("x-own", "1"))
        .and_then(|request| request.header("Cookie", "b=2; c=3"))
        .and_then(|request| request.header("x-own", "2"))
        .unwrap();
    assert!(!format!("{request:?}").contains("a=1"), "{request:?}");
    let head = head(request).to_ascii_lowercase();
    assert!(head.contains("\r\ncookie: a=1; b=2; c=3\r\n"), "{head}");
    assert_eq!(head.matches("cookie").count(), 1, "{head}");
    assert_eq!(head.matches("x-own").count(), 2, "{head}");

    let request = http::Request::get("ws://h/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    let (request, _) = ClientRequest::from_http(&request).unwrap().into_http(NONCE);
    let cookies = request.headers().get_all("cookie").iter();
    let cookies: Vec<_> = cookies.collect();
    assert_eq!(cookies, ["a=1; b=2"]);
    assert!(cookies.iter().all(|cookie| cookie.is_sensitive()));
}

/// Names are case-insensitive (RFC 9110 §5.1), but some servers expect
/// capitals.
#[test]
fn header_names_are_written_in_capitals() {
    for (name, written) in [
        ("authorization", "Authorization"),
        ("cookie", "Cookie"),
        ("ORIGIN", "Origin"),
        ("user-agent", "User-Agent"),
        ("x-api-key", "X-Api-Key"),
        ("x_odd--name-", "X_odd--Name-"),
        ("te", "TE"),
        ("dnt", "DNT"),
    ] {
        let head = head(new().header(name, "x").unwrap());
        assert!(head.contains(&format!("\r\n{written}: x\r\n")), "{head}");
    }
}

/// For a server that is reached by another name or address than its own.
#[test]
fn host_of_the_callers_replaces_that_of_the_url() {
    for host in ["example.com", "example.com:8080", "[::1]:1", "EXAMPLE.com:"] {
        let request = ClientRequest::new("ws://192.0.2.1:81/x")
            .unwrap()
            .header("host", host)
            .unwrap();
        // The connection goes to the host of the URL.
        assert_eq!((request.host(), request.port()), ("192.0.2.1", 81));
        assert_eq!(request.url(), "ws://192.0.2.1:81/x");
        let text = head(request.clone());
        let start = format!("GET /x HTTP/1.1\r\nHost: {host}\r\nUpgrade: ");
        assert!(text.starts_with(&start), "{text}");
        assert_eq!(text.to_ascii_lowercase().matches("host:").count(), 1);
        // The last one wins. A redirect within the origin keeps it, one to another origin does not.
        let again = request.clone().header("Host", "other").unwrap();
        assert!(head(again).contains("\r\nHost: other\r\n"));
        let same = request.redirected_to("/y").unwrap();
        assert!(head(same).contains(&format!("\r\nHost: {host}\r\n")));
        let elsewhere = request.redirected_to("ws://example.com/y").unwrap();
        assert!(head(elsewhere).contains("\r\nHost: example.com\r\n"));
        let (http, _) = request.into_http(NONCE);
        assert_eq!(http.headers()["host"], host);
    }
    for host in [
        "", "a b", "u@h", "h/x", "h:x", "h:99999", "[::1", "a, b", "h\\i",
    ] {
        let error = new().header("host", host).unwrap_err();
        assert_eq!(
            error,
            RequestError::Header(HeaderError::InvalidValue),
            "{host}"
        );
    }
    // A request of the `http` crate can do this too.
    let request = http::Request::get("ws://192.0.2.1/")
        .header("host", "example.com")
        .body(())
        .unwrap();
    let text = head(ClientRequest::from_http(&request).unwrap());
    assert!(text.contains("\r\nHost: example.com\r\n"), "{text}");
}
