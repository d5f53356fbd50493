//! A client that comes back, over loopback.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tokio::net::TcpListener;
use wskit_handshake::{ClientRequest, OriginPolicy};
use wskit_proto::CloseCode;
use wskit_tokio::reconnect::{Backoff, Event, Loss};
use wskit_tokio::{Connector, DialError, Error, Server};

/// The server's process dies and is started anew: the client subscribes again by itself.
#[tokio::test]
async fn server_that_dies_and_comes_back_is_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let request = ClientRequest::new(format!("ws://{address}/feed")).unwrap();
    let soon = Backoff::new()
        .first(Duration::from_millis(20))
        .most(Duration::from_millis(100));
    let mut client = Connector::new()
        .reconnect(request)
        .on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) })
        .backoff(soon);

    // It can be spawned, hook and all.
    let client = tokio::spawn(async move {
        let (mut opened, mut unreachable, mut messages) = (0, 0, Vec::new());
        while let Some(event) = client.next().await.unwrap() {
            match event {
                Event::Opened => opened += 1,
                Event::Message(message) => {
                    messages.push(message.as_text().unwrap().to_owned());
                    client.send("thanks").await.unwrap();
                }
                Event::Lost {
                    loss: Loss::NotOpened(Error::Dial(DialError::Connect(_))),
                    ..
                } => unreachable += 1,
                Event::Lost { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        (opened, unreachable, messages)
    });

    let server = Server::new(OriginPolicy::Any);
    let mut listener = Some(listener);
    for life in ["first", "second", "last"] {
        let listening = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        let (stream, _) = listening.accept().await.unwrap();
        let mut ws = server.accept(stream).await.unwrap();
        assert_eq!(
            ws.recv().await.unwrap().unwrap().as_text(),
            Some("subscribe")
        );
        ws.send(life).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("thanks"));
        if life == "last" {
            ws.close(CloseCode::NORMAL, "that was all").await.unwrap();
        }
        // Both are gone; no one listens for a while.
        drop((ws, listening));
        if life == "first" {
            // Some attempts are refused.
            let refused = tokio::net::TcpStream::connect(address).await;
            assert!(refused.is_err());
        }
    }
    let (opened, _unreachable, messages) = client.await.unwrap();
    assert_eq!(
        (opened, messages),
        (3, ["first", "second", "last"].map(String::from).to_vec())
    );
}
