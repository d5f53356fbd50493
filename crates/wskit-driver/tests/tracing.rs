//! What is reported to `tracing`: how connections open and end, and no secrets.
#![allow(clippy::unwrap_used, reason = "a test")]

mod addressed;
mod collector;

use std::sync::Arc;

use bytes::Bytes;
use wskit_driver::{Client, Ended, Observed, Observer, Server, WebSocket};
use wskit_handshake::{OriginPolicy, Rejection};
use wskit_proto::{Config, Role};
use wskit_test::{Script, Simulated, join, pipe, wrap};

use addressed::Addressed;
use collector::{assert_lines, heard};

fn config() -> Config {
    Config::new().keepalive(None)
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

/// The number of the connection in the first line that has one.
fn id_of(lines: &[String]) -> String {
    let id = lines.iter().find_map(|line| line.split_once(" id="));
    let (_, rest) = id.unwrap_or_default();
    rest.split(' ').next().unwrap_or_default().to_owned()
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
        let id = id_of(&lines);
        let opened = format!("DEBUG connection opened id={id} role=Server compressed=false");
        let totals = format!(
            "DEBUG connection totals id={id} role=Server messages_in=0 messages_out=0 bytes_in="
        );
        let end = match way {
            0 => format!(
                "DEBUG connection closed id={id} role=Server code=1001 initiator=Some(Peer) lasted=0ns"
            ),
            1 => format!("WARN protocol error id={id} role=Server error="),
            2 => format!("DEBUG connection dropped id={id} role=Server lasted=0ns"),
            3 => format!("INFO connection lost id={id} role=Server code=1006 cause=Disconnected"),
            4 => "INFO handshake refused role=Server error=".to_owned(),
            _ => "INFO handshake refused by the application role=Server status=404".to_owned(),
        };
        if way < 4 {
            assert_lines(&lines, &[&opened, &totals, &end]);
        } else {
            assert_lines(&lines, &[&end]);
        }
        assert!(
            lines.iter().all(|line| !line.contains("hunter2")),
            "{lines:#?}"
        );
    }
}

/// A thousand connections in one log are told apart by their numbers, and a server by its name.
#[test]
fn connections_have_numbers_and_clients_name_the_server() {
    let mut ids = Vec::new();
    for (url, peer) in [
        (
            "ws://user:hunter2@example.com/path?token=hunter2",
            "example.com:80",
        ),
        ("wss://[::1]:9001/", "[::1]:9001"),
    ] {
        let lines = heard(async {
            let (near, far) = pipe(1 << 20);
            let client = Client::<Simulated>::new().config(config());
            let server = Server::<Simulated>::new(OriginPolicy::Any).config(config());
            let (opened, accepted) = join(client.handshake(near, url), server.accept(far)).await;
            drop((opened.unwrap(), accepted.unwrap()));
        });
        let client = lines
            .iter()
            .find(|line| line.contains("opened") && line.contains("Client"));
        let client = client.unwrap();
        let id = id_of(std::slice::from_ref(client));
        assert!(
            client.contains(&format!("opened id={id} peer=\"{peer}\" role=Client")),
            "{client}"
        );
        let of_client = lines
            .iter()
            .filter(|line| line.contains(&format!(" id={id} ")));
        assert_eq!(of_client.count(), 3, "{lines:#?}");
        assert!(lines.iter().all(|line| !line.contains("hunter2")));
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

/// A peer without a name is told by its address, if the transport knows it.
#[test]
fn peers_without_a_name_are_told_by_their_address() {
    struct Nothing;
    impl Observer for Nothing {
        fn ended(&self, _: &Observed<'_>, _: &Ended<'_>) {}
    }
    let lines = heard(async {
        let (near, _far) = pipe(1 << 20);
        let io = Addressed(wrap::<Simulated>(near));
        let ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), config());
        drop(ws.observer(Arc::new(Nothing)));
    });
    let opened = lines.iter().find(|line| line.contains("opened"));
    let opened = opened.unwrap();
    assert!(
        opened.contains("peer=\"127.0.0.1:4321\" role=Server"),
        "{opened}"
    );
}

#[test]
fn client_that_is_refused_is_told_as_such() {
    for (answer, told) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "INFO handshake refused role=Client",
        ),
        ("SSH-2.0\r\n", "INFO connecting failed role=Client"),
        ("", "INFO connecting failed role=Client"),
    ] {
        let lines = heard(async {
            let (near, far) = pipe(1 << 20);
            let mut peer = Script::new(far, Role::Server);
            let client = Client::<Simulated>::new().config(config());
            let (opened, ()) = join(client.handshake(near, "ws://example.com/"), async {
                peer.head().await;
                peer.send(answer).await;
                peer.finish().await;
            })
            .await;
            assert!(opened.is_err());
        });
        assert_lines(&lines, &[told]);
    }
}
