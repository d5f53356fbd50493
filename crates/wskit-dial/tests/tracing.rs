//! What is reported to `tracing` of dialling and reconnecting, and no secrets.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../wskit-driver/tests/collector/mod.rs"]
mod collector;

use std::time::Duration;

use wskit_dial::{Connector, Proxy, Reconnect};
use wskit_driver::WebSocket;
use wskit_handshake::ClientRequest;
use wskit_proto::{CloseCode, Config, Role};
use wskit_test::{Answer, Network, OnNetwork, Script, Simulated, join, pipe, wrap};

use collector::{assert_lines, heard};

fn config() -> Config {
    Config::new().keepalive(None)
}

#[test]
fn connect_is_told_step_by_step_without_secrets() {
    let lines = heard(async {
        let network = Network::new()
            .name("proxy.example", &["192.0.2.1"])
            .at("192.0.2.1:1080", Answer::Accept(Duration::ZERO));
        let request = ClientRequest::new("ws://user:hunter2@example.com/path?token=hunter2")
            .unwrap()
            .header("X-Secret", "hunter2")
            .unwrap();
        let proxy = Proxy::new("socks5://me:hunter2@proxy.example").unwrap();
        let connector: Connector<OnNetwork<Simulated>> =
            Connector::new().config(config()).proxy(proxy);
        let (opened, ()) = join(connector.connect(request), async {
            let mut peer = Script::new(network.accept().await.1, Role::Server);
            peer.bytes(4).await;
            peer.send(b"\x05\x02").await;
            peer.bytes(3 + 2 + 7).await;
            peer.send(b"\x01\x00").await;
            peer.bytes(4 + 1 + 11 + 2).await;
            peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00").await;
            let head = peer.head().await;
            assert!(head.contains("hunter2"), "{head}");
            peer.send(
                "HTTP/1.1 403 hunter2\r\nX-Secret: hunter2\r\nContent-Length: 7\r\n\r\nhunter2",
            )
            .await;
        })
        .await;
        assert!(opened.is_err());
    });
    assert_lines(
        &lines,
        &[
            "DEBUG [connect] host=\"example.com\" port=80 secure=false",
            "DEBUG dialling the proxy host=\"proxy.example\" port=1080",
            "DEBUG asking the proxy host=\"example.com\" port=80",
            "DEBUG opening handshake host=\"example.com\" port=80",
            "INFO handshake refused role=Client error=",
        ],
    );
    assert!(
        lines.iter().all(|line| !line.contains("hunter2")),
        "{lines:#?}"
    );
}

/// A port on which nothing listens refuses no handshake.
#[test]
fn failed_dial_is_not_told_as_a_refused_handshake() {
    let lines = heard(async {
        let _network = Network::new().at("192.0.2.1:80", Answer::Refuse(Duration::ZERO));
        let connector: Connector<OnNetwork<Simulated>> = Connector::new().config(config());
        assert!(connector.connect("ws://192.0.2.1/").await.is_err());
        assert!(connector.connect("ws://unknown.example/").await.is_err());
    });
    assert_lines(
        &lines,
        &[
            "[connect]",
            "dialling",
            "INFO connecting failed role=Client error=cannot connect to ",
            "[connect]",
            "dialling",
            "INFO connecting failed role=Client error=cannot connect to ",
        ],
    );
}

#[test]
fn reconnecting_is_told() {
    let lines = heard(async {
        let (near, far) = pipe(1 << 20);
        let mut ends = vec![near];
        let mut peer = Script::new(far, Role::Server);
        let mut client = Reconnect::<OnNetwork<Simulated>>::new(move || {
            let end = ends.pop();
            async move {
                let end = end.ok_or(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
                let io = wrap::<Simulated>(end);
                Ok(WebSocket::from_parts(
                    io,
                    Role::Client,
                    bytes::Bytes::new(),
                    config(),
                ))
            }
        });
        client.next().await.unwrap();
        let close = peer
            .frames()
            .close(CloseCode::SERVICE_RESTART.get(), "hunter2");
        peer.send(close).await;
        peer.finish().await;
        client.next().await.unwrap();
        client.next().await.unwrap();
    });
    assert_lines(
        &lines,
        &[
            "INFO connection lost, will try again code=1012 retry_in=",
            "INFO connection lost, will try again error=",
        ],
    );
    assert!(
        lines.iter().all(|line| !line.contains("hunter2")),
        "{lines:#?}"
    );
}

/// The answer to a login, which is not of the expected shape, and where it was expected holds a token.
#[test]
fn lost_connection_is_told_without_the_text_of_an_answer() {
    let lines = heard(async {
        let (near, far) = pipe(1 << 20);
        let mut ends = vec![near];
        let mut peer = Script::new(far, Role::Server);
        let mut client = Reconnect::<OnNetwork<Simulated>>::new(move || {
            let end = ends.pop().unwrap();
            let io = wrap::<Simulated>(end);
            let ws = WebSocket::from_parts(io, Role::Client, bytes::Bytes::new(), config());
            async move { Ok(ws) }
        })
        .on_open(|mut ws| async move {
            ws.recv_json::<std::collections::HashMap<String, u8>>()
                .await?;
            Ok(())
        });
        let answer = peer.frames().text("{\"hunter2\": \"hunter2\"}");
        peer.send(answer).await;
        client.next().await.unwrap();
    });
    assert_lines(
        &lines,
        &[
            "INFO connection lost, will try again error=JSON of another shape than expected, at \
             line 1 column 21 retry_in=",
        ],
    );
    assert!(
        lines.iter().all(|line| !line.contains("hunter2")),
        "{lines:#?}"
    );
}
