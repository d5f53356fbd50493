//! Connections as tokio's streams.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io;

use bytes::Bytes;
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, duplex, split,
};
use tokio::net::{TcpListener, TcpStream};
use wskit_proto::{Config, MessageKind, Role};
use wskit_tokio::{ByteStream, from_parts};

/// Two streams that face each other over TCP.
async fn pair() -> (ByteStream<TcpStream>, ByteStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let stream = |tcp, role| ByteStream::new(from_parts(tcp, role, Bytes::new(), Config::new()));
    (stream(client, Role::Client), stream(server, Role::Server))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A tunnel: bytes, tokio's copy, WebSocket, tokio's copy, bytes.
#[tokio::test]
async fn copy_bidirectional_tunnels_both_ways() {
    let (mut near, mut far) = pair().await;
    let (mut ours, mut entry) = duplex(5000);
    let (mut exit, mut theirs) = duplex(700);
    let into = tokio::spawn(async move { copy_bidirectional(&mut entry, &mut near).await });
    let out = tokio::spawn(async move { copy_bidirectional(&mut far, &mut exit).await });
    let data = pattern(3_000_000);
    let echo = tokio::spawn(async move {
        let mut got = vec![0; 3_000_000];
        theirs.read_exact(&mut got).await.unwrap();
        theirs.write_all(&got).await.unwrap();
        assert_eq!(
            theirs.read(&mut [0; 9]).await.unwrap(),
            0,
            "the end comes through"
        );
    });
    ours.write_all(&data).await.unwrap();
    let mut got = vec![0; data.len()];
    ours.read_exact(&mut got).await.unwrap();
    assert!(got == data);
    drop(ours);
    echo.await.unwrap();
    assert_eq!(into.await.unwrap().unwrap(), (3_000_000, 3_000_000));
    assert_eq!(out.await.unwrap().unwrap(), (3_000_000, 3_000_000));
}

/// A request and an answer of a few bytes, no task flushing, the copies in either order.
#[tokio::test]
async fn what_is_written_leaves_while_the_other_direction_waits() {
    let (near, far) = pair().await;
    let (mut near_read, mut near_write) = split(near);
    let (mut far_read, mut far_write) = split(far);
    let echo = tokio::spawn(async move {
        for _ in 0..100 {
            let mut got = [0; 5];
            far_read.read_exact(&mut got).await.unwrap();
            far_write.write_all(&got).await.unwrap();
        }
        assert_eq!(far_read.read(&mut [0; 9]).await.unwrap(), 0);
    });
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let reader = tokio::spawn(async move {
        for _ in 0..100 {
            let mut got = [0; 5];
            near_read.read_exact(&mut got).await.unwrap();
            tell.send(got).await.unwrap();
        }
    });
    for at in 0..100 {
        near_write.write_all(&[at; 5]).await.unwrap();
        assert_eq!(told.recv().await.unwrap(), [at; 5]);
    }
    reader.await.unwrap();
    near_write.shutdown().await.unwrap();
    echo.await.unwrap();
}

#[tokio::test]
async fn lines_are_read_from_any_messages() {
    let (mut near, far) = pair().await;
    for part in ["one\ntw", "o\nth", "ree"] {
        near.write_all(part.as_bytes()).await.unwrap();
        near.flush().await.unwrap();
    }
    let read = async {
        let mut lines = far.lines();
        let mut got = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            got.push(line);
        }
        got
    };
    let (closed, got) = tokio::join!(near.shutdown(), read);
    closed.unwrap();
    assert_eq!(got, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_peer_that_goes_is_an_error_and_no_end() {
    let (near, mut far) = pair().await;
    drop(near);
    let mut got = Vec::new();
    let error = far.read_to_end(&mut got).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let inner = error.get_ref().unwrap().downcast_ref();
    assert!(matches!(
        inner,
        Some(wskit_tokio::ConnectionError::Disconnected { mid_message: false })
    ));
}

/// tokio's copy makes a message of a file.
#[tokio::test]
async fn a_message_is_written_by_copy() {
    let (ours, theirs) = duplex(10_000);
    let config = || Config::new().max_message_size(300_000);
    let near = from_parts(ours, Role::Client, Bytes::new(), config());
    let mut far = from_parts(theirs, Role::Server, Bytes::new(), config());
    let (_reader, writer) = near.split();
    let data = pattern(300_000);
    let sent = data.clone();
    let send = tokio::spawn(async move {
        let mut message = writer.begin(MessageKind::Binary).await.unwrap();
        assert_eq!(copy(&mut &sent[..], &mut message).await.unwrap(), 300_000);
        message.shutdown().await.unwrap();
    });
    assert!(far.recv().await.unwrap().unwrap().as_bytes() == data);
    send.await.unwrap();
}
