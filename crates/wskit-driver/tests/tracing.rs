//! What is reported to `tracing`: how connections open and end, and no secrets.
#![allow(clippy::unwrap_used, reason = "a test")]

mod collector;

use wskit_driver::Server;
use wskit_handshake::{OriginPolicy, Rejection};
use wskit_proto::{Config, Role};
use wskit_test::{Script, Simulated, pipe};

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
