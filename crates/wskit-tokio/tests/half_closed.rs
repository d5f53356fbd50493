//! Three messages and the end of the stream in one segment, over TCP: each is answered.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Config, Role};
use wskit_test::{Frame, Frames};
use wskit_tokio::{ConnectionError, Server, WebSocket};

/// Runs `answer` on a connection whose client sends three messages with its request, and the end of the
/// stream behind them; what the client then reads.
async fn answers(
    answer: impl AsyncFnOnce(WebSocket<TcpStream>) -> ConnectionError,
) -> Vec<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let frames = Frames::from(Role::Client);
    let messages = ["one", "two", "three"]
        .map(|word| frames.text(word))
        .concat();
    let client = async {
        peer.write_all(
            b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        peer.write_all(&messages).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        rest
    };
    let server = async {
        let server = Server::new(OriginPolicy::Any).config(Config::new());
        let ws = server.accept(tcp).await.unwrap();
        // The messages and the end are there before anything is read.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let error = answer(ws).await;
        assert!(
            matches!(error, ConnectionError::Disconnected { .. }),
            "{error:?}"
        );
    };
    let both = async { tokio::join!(client, server) };
    let (rest, ()) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .unwrap();
    let frames = Frame::parse_all(Role::Server, &rest);
    frames.into_iter().map(|frame| frame.payload).collect()
}

fn three() -> Vec<Vec<u8>> {
    ["one", "two", "three"]
        .map(|word| word.as_bytes().to_vec())
        .to_vec()
}

/// Proves: R6455-7.1.4-a
#[tokio::test]
async fn lent_messages_are_answered_before_the_end() {
    let answered = answers(async |mut ws| {
        loop {
            match ws.recv_ref().await {
                Ok(Some((message, out))) => out.feed(message).unwrap(),
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(answered.await, three());
}

/// Proves: R6455-7.1.4-a
#[tokio::test]
async fn fed_answers_leave_before_the_end() {
    let answered = answers(async |mut ws| {
        loop {
            match ws.recv().await {
                Ok(Some(message)) => ws.feed(message).await.unwrap(),
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(answered.await, three());
}

/// Proves: R6455-7.1.4-a
#[tokio::test]
async fn sent_answers_leave_before_the_end() {
    let answered = answers(async |mut ws| {
        loop {
            match ws.recv().await {
                Ok(Some(message)) => ws.send(message).await.unwrap(),
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(answered.await, three());
}

/// Proves: R6455-7.1.4-a
#[tokio::test]
async fn answers_of_halves_leave_before_the_end() {
    let answered = answers(async |ws| {
        let (mut reader, writer) = ws.split();
        loop {
            match reader.recv().await {
                Ok(Some(message)) => writer.feed(message).await.unwrap(),
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(answered.await, three());
}
