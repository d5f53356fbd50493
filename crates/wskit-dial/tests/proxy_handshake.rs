//! The handshake with a proxy (RFC 9110 §9.3.6, RFC 1928, RFC 1929), without I/O.
#![allow(clippy::unwrap_used, reason = "a test")]

use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use wskit_dial::{ProxyError, ProxyHandshake, SocksFailure};
use wskit_handshake::{HeaderError, RequestError};

fn http() -> ProxyHandshake {
    let mut handshake = ProxyHandshake::connect("example.com", 443, None).unwrap();
    let _ = handshake.take_output();
    handshake
}

fn socks(credentials: Option<(&str, &str)>) -> ProxyHandshake {
    let mut handshake = ProxyHandshake::socks5("example.com", 443, credentials).unwrap();
    let _ = handshake.take_output();
    handshake
}

/// Gives `input` in pieces of these sizes (the last one repeatedly), and discards what is to be sent in
/// between. Returns the bytes that were taken, and how it ended.
fn feed(
    mut handshake: ProxyHandshake,
    input: &[u8],
    sizes: &[usize],
) -> (usize, Result<bool, String>) {
    let mut sizes = sizes.iter().copied();
    let (mut taken, mut size) = (0, 1);
    while taken < input.len() && handshake.wanted() > 0 {
        size = sizes.next().unwrap_or(size).clamp(1, input.len() - taken);
        match handshake.receive(&input[taken..taken + size]) {
            Ok(0) => break,
            Ok(n) => taken += n,
            Err(error) => return (taken, Err(format!("{error:?}"))),
        }
        let _ = handshake.take_output();
    }
    (taken, Ok(handshake.wanted() == 0))
}

fn http_error(answer: &str) -> ProxyError {
    http().receive(answer.as_bytes()).unwrap_err()
}

/// Returns the request to an HTTP proxy.
fn asked(credentials: Option<(&str, &str)>, headers: &[(&str, &str)]) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let mut handshake = ProxyHandshake::connect_with_headers("a", 443, credentials, &map).unwrap();
    String::from_utf8(handshake.take_output()).unwrap()
}

#[test]
fn http_proxy_is_told_what_the_caller_wants_to_tell() {
    assert_eq!(
        asked(None, &[("user-agent", "x/1"), ("X-Token", "t")]),
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nUser-Agent: x/1\r\nX-Token: t\r\n\r\n"
    );
    // The name of the client's program.
    assert_eq!(
        asked(Some(("u", "p")), &[("Proxy-Authorization", "Bearer t")]),
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: Bearer t\r\n\r\n"
    );
    assert_eq!(
        asked(Some(("u", "p")), &[("User-Agent", "x")]),
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: Basic dTpw\r\n\
         User-Agent: x\r\n\r\n"
    );
}

#[test]
fn headers_that_are_not_the_callers_are_refused() {
    for name in ["host", "content-length", "transfer-encoding"] {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        let refused = ProxyHandshake::connect_with_headers("a", 443, None, &headers).unwrap_err();
        assert!(
            matches!(refused, RequestError::Header(HeaderError::Reserved(_))),
            "{name}: {refused:?}"
        );
    }
}

/// A zone names an interface of this machine, which means nothing to a proxy.
#[test]
fn proxies_are_not_asked_for_an_address_with_a_zone() {
    let http = ProxyHandshake::connect("fe80::1%lo", 80, None).unwrap_err();
    let socks = ProxyHandshake::socks5("fe80::1%lo", 80, None).unwrap_err();
    assert_eq!(
        (http, socks),
        (RequestError::InvalidHost, RequestError::InvalidHost)
    );
}

/// Proves: R6455-4.1-d, R8441-6-a
#[test]
fn client_asks_an_http_proxy_for_host_and_port() {
    for (host, port, line) in [
        ("example.com", 80, "example.com:80"),
        ("10.1.2.3", 8080, "10.1.2.3:8080"),
        ("2001:db8::1", 443, "[2001:db8::1]:443"),
    ] {
        let mut handshake = ProxyHandshake::connect(host, port, None).unwrap();
        let request = String::from_utf8(handshake.take_output()).unwrap();
        assert_eq!(
            request,
            format!("CONNECT {line} HTTP/1.1\r\nHost: {line}\r\n\r\n")
        );
        assert!(handshake.take_output().is_empty());
    }
}

#[test]
fn client_gives_an_http_proxy_its_credentials() {
    let mut handshake =
        ProxyHandshake::connect("example.com", 80, Some(("Aladdin", "open sesame"))).unwrap();
    assert_eq!(
        String::from_utf8(handshake.take_output()).unwrap(),
        "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\
         Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
    );
    assert!(!format!("{handshake:?}").contains("QWxh"));
}

#[test]
fn nothing_is_smuggled_into_the_request() {
    for host in ["a\r\nb", "a b", "", "a/b", "a@b", "a:1:2", "é"] {
        assert!(ProxyHandshake::connect(host, 80, None).is_err(), "{host:?}");
    }
    for credentials in [("a:b", "c"), ("a", "c\r\nX: y")] {
        assert!(ProxyHandshake::connect("a", 80, Some(credentials)).is_err());
    }
    let long = "x".repeat(256);
    assert!(ProxyHandshake::socks5(&long, 80, None).is_err());
    assert!(ProxyHandshake::socks5("a", 80, Some((&long, ""))).is_err());
    assert!(ProxyHandshake::socks5("a", 80, Some(("", &long))).is_err());
}

/// Proves: R6455-4.1-e
#[test]
fn http_proxy_that_says_no_is_told_by_its_status() {
    for (answer, expected) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", 403),
        ("HTTP/1.0 502 Bad Gateway\r\nContent-Length: 3\r\n\r\n", 502),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", 302),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 504\r\n\r\n", 504),
    ] {
        assert!(
            matches!(http_error(answer), ProxyError::Status(status) if status == expected),
            "{answer}"
        );
    }
    let unauthorized = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    assert!(matches!(
        http_error(unauthorized),
        ProxyError::CredentialsRequired
    ));
    let mut handshake = ProxyHandshake::connect("a", 80, Some(("b", "c"))).unwrap();
    assert!(matches!(
        handshake.receive(unauthorized.as_bytes()),
        Err(ProxyError::CredentialsRefused)
    ));
}

/// Garbage is refused at the first byte that is impossible: a blank line may never come.
#[test]
fn what_is_no_http_proxy_is_told_at_once() {
    for garbage in [
        "SSH-2.0-OpenSSH_9",
        "\x05\x00",
        "\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1  200",
        "HTTP/1.1 2x0",
        "HTTP/1.1 099",
        "HTTP/1.1 2000\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nA: b\n",
        "<html>",
    ] {
        assert!(
            matches!(http_error(garbage), ProxyError::Malformed(_)),
            "{garbage:?}"
        );
    }
}

#[test]
fn http_proxy_cannot_answer_without_end() {
    for line in ["X: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "xxxxxxxx"] {
        let mut handshake = http();
        let mut fed = handshake.receive(b"HTTP/1.1 100 Continue\r\n").unwrap();
        if line.starts_with("HTTP") {
            fed += handshake.receive(b"\r\n").unwrap();
        }
        let error = loop {
            assert!(fed < 1 << 20, "no end");
            match handshake.receive(line.as_bytes()) {
                Ok(n) => fed += n,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ProxyError::AnswerTooLong { limit } if fed <= limit));
    }
}

/// Proves: R6455-4.1-d
#[test]
fn client_asks_a_socks_proxy_for_host_and_port() {
    for (host, expected) in [
        (
            "example.com",
            b"\x05\x01\x00\x03\x0bexample.com\x01\xbb".to_vec(),
        ),
        (
            "10.1.2.3",
            b"\x05\x01\x00\x01\x0a\x01\x02\x03\x01\xbb".to_vec(),
        ),
        (
            "::1",
            [&b"\x05\x01\x00\x04"[..], &[0; 15], b"\x01\x01\xbb"].concat(),
        ),
    ] {
        let mut handshake = ProxyHandshake::socks5(host, 443, None).unwrap();
        assert_eq!(handshake.take_output(), b"\x05\x01\x00");
        assert_eq!(handshake.receive(b"\x05\x00").unwrap(), 2);
        assert_eq!(handshake.take_output(), expected);
        let answer = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90beyond";
        assert_eq!(handshake.receive(answer).unwrap(), 10);
        assert_eq!(handshake.wanted(), 0);
        assert_eq!(handshake.receive(b"beyond").unwrap(), 0);
    }
}

#[test]
fn client_gives_a_socks_proxy_its_credentials_if_it_wants_them() {
    let mut handshake = ProxyHandshake::socks5("a", 80, Some(("user", "secret"))).unwrap();
    assert_eq!(handshake.take_output(), b"\x05\x02\x00\x02");
    handshake.receive(b"\x05\x02").unwrap();
    assert_eq!(handshake.take_output(), b"\x01\x04user\x06secret");
    handshake.receive(b"\x01\x00").unwrap();
    assert_eq!(handshake.take_output(), b"\x05\x01\x00\x03\x01a\x00\x50");

    let mut handshake = ProxyHandshake::socks5("a", 80, Some(("user", "secret"))).unwrap();
    let _ = handshake.take_output();
    handshake.receive(b"\x05\x00").unwrap();
    assert_eq!(handshake.take_output(), b"\x05\x01\x00\x03\x01a\x00\x50");
}

/// Proves: R6455-4.1-e
#[test]
fn socks_proxy_that_says_no_is_told_by_its_code() {
    for (code, failure) in [
        (1, SocksFailure::General),
        (2, SocksFailure::NotAllowed),
        (3, SocksFailure::NetworkUnreachable),
        (4, SocksFailure::HostUnreachable),
        (5, SocksFailure::ConnectionRefused),
        (6, SocksFailure::TtlExpired),
        (7, SocksFailure::CommandNotSupported),
        (8, SocksFailure::AddressNotSupported),
        (99, SocksFailure::Other(99)),
    ] {
        let mut handshake = socks(None);
        handshake.receive(b"\x05\x00").unwrap();
        // It hangs up after the code.
        let error = handshake.receive(&[5, code]).unwrap_err();
        assert!(matches!(error, ProxyError::Socks(told) if told == failure));
    }
    let asked = |credentials| socks(credentials).receive(b"\x05\xff").unwrap_err();
    assert!(matches!(asked(None), ProxyError::CredentialsRequired));
    assert!(matches!(asked(Some(("a", "b"))), ProxyError::NoMethod));
    let mut handshake = socks(Some(("a", "b")));
    handshake.receive(b"\x05\x02").unwrap();
    assert!(matches!(
        handshake.receive(b"\x01\x01"),
        Err(ProxyError::CredentialsRefused)
    ));
}

#[test]
fn what_is_no_socks_proxy_is_told_at_once() {
    for garbage in [
        &b"H"[..],
        b"\x04",
        b"\x05\x02",
        b"\x05\x01",
        b"\x05\x00\x04",
        b"\x05\x00\x05\x00\x00\x02",
    ] {
        assert!(
            matches!(socks(None).receive(garbage), Err(ProxyError::Malformed(_))),
            "{garbage:?}"
        );
    }
}

/// Answers of proxies, valid and invalid.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let http = (
        prop::sample::select(vec![
            "100 Continue",
            "200 OK",
            "200",
            "299 x",
            "407 no",
            "403 no",
        ]),
        prop::collection::vec("[A-Za-z]{1,8}: [ -~]{0,20}", 0..4),
    )
        .prop_map(|(status, headers)| {
            let mut head = format!("HTTP/1.1 {status}\r\n");
            for header in headers {
                head += &header;
                head += "\r\n";
            }
            (head + "\r\n").into_bytes()
        });
    let socks = (0..6_u8, prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, rest)| [&[5, 0, 5, 0, 0, kind][..], &rest].concat());
    prop_oneof![
        prop::collection::vec(http, 1..3).prop_map(|heads| heads.concat()),
        socks,
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    /// However the bytes are split, the same ones are taken and the ending is the same, and reading as many
    /// as `wanted` returns never reaches beyond the answer.
    #[test]
    fn cuts_do_not_matter(
        answer in answers(),
        beyond in prop::collection::vec(any::<u8>(), 0..20),
        sizes in prop::collection::vec(1..30_usize, 0..20),
        credentials in any::<bool>(),
    ) {
        let input = [answer, beyond].concat();
        let credentials = credentials.then_some(("user", "secret"));
        for make in [
            || ProxyHandshake::connect("example.com", 443, None).unwrap(),
            || ProxyHandshake::socks5("example.com", 443, None).unwrap(),
        ] {
            let (whole, ending) = feed(make(), &input, &[input.len()]);
            let (cut, cut_ending) = feed(make(), &input, &sizes);
            prop_assert_eq!(&ending, &cut_ending);
            if ending.is_ok() {
                prop_assert_eq!(whole, cut);
            }
            // The dialler reads in this way.
            let mut handshake = make();
            let mut read = 0;
            while handshake.wanted() > 0 && read < input.len() {
                let end = input.len().min(read + handshake.wanted());
                match handshake.receive(&input[read..end]) {
                    Ok(n) => prop_assert_eq!(n, end - read),
                    Err(_) => break,
                }
                read = end;
            }
            if ending == Ok(true) {
                prop_assert_eq!(read, whole);
            }
        }
        let _ = feed(socks(credentials), &input, &sizes);
    }
}
