//! A link-local address with a zone (RFC 6874): it is looked up with the zone, and the server does not see
//! the zone.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use wskit_dial::Connector;
use wskit_handshake::accept_key;
use wskit_proto::Role;
use wskit_test::{Answer, Network, OnNetwork, Script, Simulated, join, run};

#[test]
fn zone_is_dialled_with_and_not_sent() {
    run::<Simulated>(async {
        let network = Network::new()
            .name("fe80::1%eth0", &["fe80::1"])
            .at("[fe80::1]:81", Answer::Accept(Duration::ZERO));
        let connector = Connector::<OnNetwork<Simulated>>::new();
        let (connected, ()) = join(connector.connect("ws://[fe80::1%25eth0]:81/x"), async {
            let mut script = Script::new(network.accept().await.1, Role::Server);
            let head = script.head().await;
            let (_, host) = head.split_once("\r\nHost: ").unwrap();
            assert!(host.starts_with("[fe80::1]:81\r\n"), "{head}");
            let (_, key) = head.split_once("Sec-WebSocket-Key: ").unwrap();
            let accept = accept_key(&key.as_bytes()[..24]);
            script
                .send("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
                .await;
            script.send("Sec-WebSocket-Accept: ").await;
            script.send([&accept[..], b"\r\n\r\n"].concat()).await;
        })
        .await;
        connected.unwrap();
        assert_eq!(network.lookups(), ["fe80::1%eth0"]);
    });
}
