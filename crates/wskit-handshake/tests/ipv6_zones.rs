//! RFC 6874: URLs with the zone of a link-local address.

mod wire;

use wire::NONCE;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, RequestError};

fn bytes(request: ClientRequest) -> String {
    let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    String::from_utf8(handshake.request_bytes().to_vec()).unwrap()
}

fn new(url: &str) -> ClientRequest {
    ClientRequest::new(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// A zone has a meaning only on this machine: it is used to connect and never
/// sent.
///
/// Proves: R6455-3-f, R6455-4.1-h
#[test]
fn client_dials_with_a_zone_and_does_not_send_it() {
    for (zone, port, line) in [
        ("lo", "", "Host: [fe80::1]\r\n"),
        ("eth0.1", ":81", "Host: [fe80::1]:81\r\n"),
        ("3", ":80", "Host: [fe80::1]\r\n"),
    ] {
        let url = format!("ws://[FE80::1%25{zone}]{port}/x");
        let request = new(&url);
        assert_eq!(request.host(), format!("fe80::1%{zone}"));
        assert_eq!(request.server_name(), "fe80::1");
        // The written URL leads to the same place.
        assert_eq!(new(&request.url()).host(), request.host());
        let text = bytes(request.clone());
        assert!(text.contains(line) && !text.contains('%'), "{text}");
        // Another zone is another place.
        let request = request.header("x-own", "1").unwrap();
        assert_eq!(request.redirected_to("y").unwrap().host(), request.host());
        let elsewhere = request.redirected_to("//[fe80::1%25other]/").unwrap();
        assert!(elsewhere.headers().is_empty());
    }
    assert_eq!(new("ws://[::1]:1/").server_name(), "::1");
    assert_eq!(new("ws://h:1/").server_name(), "h");
    for host in [
        "[fe80::1%lo]",
        "[fe80::1%25]",
        "[fe80::1%2]",
        "[fe80::1%25a%20b]",
        "[fe80::1%25a]b]",
        "[fe80::1%25a/b]",
        "[%25lo]",
    ] {
        let refused = ClientRequest::new(format!("ws://{host}/"));
        assert_eq!(refused.unwrap_err(), RequestError::InvalidHost, "{host}");
    }
    // Only IPv6 addresses have zones.
    let refused = ClientRequest::new("ws://127.0.0.1%25lo/").unwrap_err();
    let expected = RequestError::InvalidCharacter {
        character: Some('%'),
        position: 14,
    };
    assert_eq!(refused, expected);
}
