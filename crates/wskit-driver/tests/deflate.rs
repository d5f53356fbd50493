//! permessage-deflate from the opening handshake on (RFC 7692 §5, §7).
#![allow(clippy::unwrap_used, reason = "a test")]

use wskit_driver::{Client, OpenError, Server, WebSocket};
use wskit_handshake::{HandshakeError, OriginPolicy};
use wskit_proto::deflate::{Config, Params};
use wskit_proto::{CloseCode, Message, Outgoing, PreparedMessage, Role};
use wskit_test::{Executor, Probe, Script, Simulated, SimulatedIo, join, pipe};

type Socket = WebSocket<SimulatedIo>;

/// Opens a connection between a client and a server that want this.
async fn open(client: Option<Config>, server: Option<Config>) -> (Socket, Socket, Probe) {
    let (near, far) = pipe(1 << 20);
    let probe = near.probe();
    let mut connector = Client::<Simulated>::new();
    if let Some(config) = client {
        connector = connector.deflate(config);
    }
    let mut acceptor = Server::<Simulated>::new(OriginPolicy::Any);
    if let Some(config) = server {
        acceptor = acceptor.deflate(config);
    }
    let (opened, accepted) = join(
        connector.handshake(near, "ws://example.com/"),
        acceptor.accept(far),
    )
    .await;
    (opened.unwrap().0, accepted.unwrap(), probe)
}

fn eager(config: Config) -> Config {
    config.threshold(0).threshold_without_takeover(0)
}

fn windows(params: Params) -> [(u8, bool); 2] {
    [params.server(), params.client()].map(|window| (window.bits, !window.no_context_takeover))
}

/// Proves: R7692-5-e, R6455-9-a, R6455-9-b
#[test]
fn nothing_is_agreed_unless_both_ends_want_it() {
    Executor::new().block_on(async {
        for (client, server) in [
            (None, None),
            (Some(Config::client()), None),
            (None, Some(Config::server())),
        ] {
            let (client, server, _) = open(client, server).await;
            assert_eq!((client.deflate(), server.deflate()), (None, None));
        }
    });
}

/// Proves: R6455-4.1-af, R7692-7.1.2.2-d, R7692-7.1.1.1-b
#[test]
fn both_ends_know_what_is_agreed() {
    Executor::new().block_on(async {
        let (client, server, _) = open(Some(Config::client()), Some(Config::server())).await;
        assert_eq!(windows(client.deflate().unwrap()), [(15, true), (12, true)]);
        assert_eq!(
            windows(client.deflate().unwrap()),
            windows(server.deflate().unwrap())
        );
        let wants = Config::client()
            .server_no_context_takeover(true)
            .client_max_window_bits(10);
        let (client, server, _) = open(Some(wants), Some(Config::server())).await;
        assert_eq!(
            windows(client.deflate().unwrap()),
            [(15, false), (10, true)]
        );
        assert_eq!(
            windows(client.deflate().unwrap()),
            windows(server.deflate().unwrap())
        );
    });
}

/// Proves: R7692-6-d, R7692-6-a
#[test]
fn messages_of_every_kind_come_through_compressed() {
    Executor::new().block_on(async {
        let (mut client, mut server, probe) =
            open(Some(eager(Config::client())), Some(eager(Config::server()))).await;
        let text = "the same words again and again ".repeat(100);
        let prepared = PreparedMessage::text(&text);
        for _ in 0..5 {
            let before = probe.written().len();
            client.send(&text).await.unwrap();
            assert!(probe.written().len() - before < text.len() / 10);
            assert_eq!(
                server.recv().await.unwrap().unwrap(),
                Message::text(text.as_str())
            );
            client.send(&prepared).await.unwrap();
            assert_eq!(
                server.recv().await.unwrap().unwrap(),
                Message::text(text.as_str())
            );
            let before = probe.written().len();
            client
                .send(Outgoing::from(&text).uncompressed())
                .await
                .unwrap();
            assert!(probe.written().len() - before > text.len());
            assert_eq!(
                server.recv().await.unwrap().unwrap(),
                Message::text(text.as_str())
            );
        }
        let (mut reader, writer) = server.split();
        let talk = async {
            for n in 0..50 {
                writer.send(format!("{n} {text}")).await.unwrap();
            }
            writer.start_close(CloseCode::NORMAL, "").unwrap();
            assert!(reader.recv().await.unwrap().is_none());
        };
        let listen = async {
            for n in 0..50 {
                let message = client.recv().await.unwrap().unwrap();
                assert_eq!(message, Message::text(format!("{n} {text}")));
            }
            assert!(client.recv().await.unwrap().is_none());
        };
        join(talk, listen).await;
    });
}

async fn answered(extensions: &str, offer: Option<Config>) -> OpenError {
    let (near, far) = pipe(10_000);
    let mut peer = Script::new(far, Role::Server);
    let mut client = Client::<Simulated>::new();
    if let Some(config) = offer {
        client = client.deflate(config);
    }
    let answer = async {
        let head = peer.head().await;
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let accept = wskit_handshake::accept_key(key.as_bytes());
        let accept = std::str::from_utf8(&accept).unwrap();
        peer.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n"
        ))
        .await;
    };
    let (opened, ()) = join(client.handshake(near, "ws://example.com/"), answer).await;
    opened.unwrap_err()
}

/// Proves: R7692-5-c, R7692-5-d, R7692-7-e, R7692-7-f, R7692-7-g, R7692-7-h
#[test]
fn client_fails_over_an_answer_it_cannot_live_with() {
    Executor::new().block_on(async {
        for answer in [
            "permessage-deflate; unheard-of",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ] {
            let error = answered(answer, Some(Config::client())).await;
            assert!(
                matches!(error, OpenError::Deflate(_)),
                "{answer}: {error:?}"
            );
        }
        let twice = "permessage-deflate, permessage-deflate";
        let error = answered(twice, Some(Config::client())).await;
        assert!(matches!(
            error,
            OpenError::Handshake(HandshakeError::ExtensionRepeated)
        ));
    });
}

/// Proves: R6455-4.1-ab
#[test]
fn client_that_offers_nothing_fails_over_compression() {
    Executor::new().block_on(async {
        let error = answered("permessage-deflate", None).await;
        assert!(matches!(
            error,
            OpenError::Handshake(HandshakeError::ExtensionNotOffered)
        ));
    });
}
