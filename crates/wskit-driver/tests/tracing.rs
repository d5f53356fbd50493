//! What `tracing` hears: how connections come about and end, and no secrets.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wskit_driver::{Connector, Reconnect, Server, WebSocket, dial};
use wskit_handshake::{ClientRequest, OriginPolicy, Rejection};
use wskit_proto::{CloseCode, Config, Role};
use wskit_test::{
    Answer, Executor, Network, OnNetwork, Script, Simulated, join, pipe, timer, wrap,
};

/// Collects events and spans as lines.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, " {value:?}").unwrap();
        } else {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }
}

impl Collector {
    fn note(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        assert_eq!(metadata.target(), "wskit");
        let mut line = Line(metadata.level().to_string());
        record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wskit"
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |line| {
            write!(line.0, " [{}]", span.metadata().name()).unwrap();
            span.record(line);
        });
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |line| event.record(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is heard while this runs.
fn heard(test: impl Future<Output = ()>) -> Vec<String> {
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || Executor::new().block_on(test));
    let lines = collector.0.lock().unwrap();
    lines.clone()
}

fn config() -> Config {
    Config::new().keepalive(None)
}

/// In order, each of these is in a line of its own.
fn assert_lines(lines: &[String], expected: &[&str]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
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
        let proxy = dial::Proxy::new("socks5://me:hunter2@proxy.example").unwrap();
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
            "INFO connection attempt failed role=Client error=",
            "[connect]",
            "dialling",
            "INFO connection attempt failed role=Client error=",
        ],
    );
}

/// A peer that goes in the middle of its request was not refused either.
#[test]
fn request_that_does_not_come_is_not_told_as_refused() {
    let server = Server::<Simulated>::new(OriginPolicy::SameOrigin).config(config());
    for (request, told) in [
        ("GET / HTTP/1.1\r\n", "INFO handshake failed role=Server"),
        ("GET /\r\n\r\n", "INFO handshake refused role=Server"),
    ] {
        let lines = heard(async {
            let (near, far) = pipe(1 << 20);
            let mut peer = Script::new(far, Role::Client);
            peer.send(request).await;
            peer.finish().await;
            assert!(server.accept(near).await.is_err());
        });
        assert_lines(&lines, &[told]);
    }
}

#[test]
fn connections_are_told_when_they_open_and_end() {
    let server = Server::<Simulated>::new(OriginPolicy::SameOrigin).config(config());
    let request = "GET /?token=hunter2 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
                   Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: hunter2\r\n";
    for way in 0..6 {
        let lines = heard(async {
            let (near, far) = pipe(1 << 20);
            let mut peer = Script::new(far, Role::Client);
            let origin = if way == 4 {
                "Origin: http://hunter2.example\r\n"
            } else {
                ""
            };
            peer.send(format!("{request}{origin}\r\n")).await;
            let frames = peer.frames();
            if way == 5 {
                peer.finish().await;
                let Ok(wskit_driver::Request::WebSocket(upgrade)) = server.receive(near).await
                else {
                    panic!("no upgrade");
                };
                upgrade.reject(&Rejection::not_found()).await.unwrap();
                return;
            }
            if way >= 3 {
                peer.finish().await;
            }
            let Ok(mut ws) = server.accept(near).await else {
                return;
            };
            match way {
                0 => peer.send(frames.close(1001, "hunter2")).await,
                1 => peer.send(b"\xff\x00").await,
                2 => return,
                _ => {}
            }
            if way < 2 {
                peer.finish().await;
            }
            let _ = ws.recv().await;
        });
        let opened = "DEBUG connection opened role=Server compressed=false";
        let totals = "DEBUG connection totals role=Server messages_in=0 messages_out=0 bytes_in=";
        let end = match way {
            0 => "DEBUG connection closed role=Server code=1001 initiator=Some(Peer) lasted=0ns",
            1 => "WARN protocol error role=Server error=",
            2 => "DEBUG connection dropped role=Server lasted=0ns",
            3 => "INFO connection lost role=Server code=1006 cause=Disconnected",
            4 => "INFO handshake refused role=Server error=",
            _ => "INFO handshake refused by the application role=Server status=404",
        };
        if way < 4 {
            assert_lines(&lines, &[opened, totals, end]);
        } else {
            assert_lines(&lines, &[end]);
        }
        assert!(
            lines.iter().all(|line| !line.contains("hunter2")),
            "{lines:#?}"
        );
    }
}

#[test]
fn reconnecting_is_told() {
    let lines = heard(async {
        let (near, far) = pipe(1 << 20);
        let mut ends = vec![near];
        let mut peer = Script::new(far, Role::Server);
        let mut client = Reconnect::new(timer::<Simulated>(), move || {
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
