//! Link-local addresses are of one network only: the system finds it by the zone that the URL names.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;

use async_std::task::block_on;
use wskit_async_std::AsyncStd;
use wskit_dial::Net;
use wskit_handshake::ClientRequest;

#[test]
fn lookup_finds_the_network_of_a_zone() {
    for url in ["ws://[fe80::1%25lo]:81/", "ws://[fe80::1%251]:81/"] {
        let request = ClientRequest::new(url).unwrap();
        let found = block_on(AsyncStd::lookup(request.host(), request.port())).unwrap();
        let [SocketAddr::V6(address), ..] = found[..] else {
            panic!("{url}: {found:?}");
        };
        assert_eq!(
            address.ip(),
            &"fe80::1".parse::<std::net::Ipv6Addr>().unwrap()
        );
        // The loopback interface is the first.
        assert_eq!((address.port(), address.scope_id()), (81, 1), "{url}");
    }
    let request = ClientRequest::new("ws://[fe80::1%25no-such-network]/").unwrap();
    assert!(block_on(AsyncStd::lookup(request.host(), 80)).is_err());
}
