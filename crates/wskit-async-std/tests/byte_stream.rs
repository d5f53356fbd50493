//! Connections as streams of futures-io.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io;

use async_std::net::{TcpListener, TcpStream};
use async_std::task::{block_on, spawn};
use bytes::Bytes;
use futures_util::future::{join, try_join};
use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, copy};
use futures_util::stream::TryStreamExt;
use wskit_async_std::{ByteStream, from_parts};
use wskit_proto::{Config, MessageKind, Role};

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

/// Two streams that face each other over TCP.
async fn pair() -> (ByteStream<TcpStream>, ByteStream<TcpStream>) {
    let (near, far) = tcp().await;
    let stream = |tcp, role| ByteStream::new(from_parts(tcp, role, Bytes::new(), Config::new()));
    (stream(near, Role::Client), stream(far, Role::Server))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// Both directions at once. `copy` flushes only at the end, so each direction depends on the other's
/// waiting read to write what is queued; whichever is polled first.
async fn tunnel(stream: ByteStream<TcpStream>, tcp: TcpStream, in_first: bool) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let (mut from, mut to) = (tcp.clone(), tcp);
    let inwards = async {
        copy(&mut from, &mut write).await?;
        write.close().await
    };
    let outwards = async {
        copy(&mut read, &mut to).await?;
        to.shutdown(std::net::Shutdown::Write)
    };
    if in_first {
        try_join(inwards, outwards).await?;
    } else {
        try_join(outwards, inwards).await?;
    }
    Ok(())
}

#[test]
fn copies_tunnel_both_ways() {
    for in_first in [true, false] {
        block_on(async {
            let (near, far) = pair().await;
            let ((mut ours, entry), (mut theirs, exit)) = join(tcp(), tcp()).await;
            let tunnels = [
                spawn(tunnel(near, entry, in_first)),
                spawn(tunnel(far, exit, in_first)),
            ];
            let data = pattern(1_000_000);
            let echo = spawn(async move {
                // First something small, after which no task waits to queue more.
                for size in [5, 1_000_000] {
                    let mut got = vec![0; size];
                    theirs.read_exact(&mut got).await.unwrap();
                    theirs.write_all(&got).await.unwrap();
                }
                assert_eq!(theirs.read(&mut [0; 9]).await.unwrap(), 0);
            });
            ours.write_all(b"small").await.unwrap();
            let mut got = vec![0; 5];
            ours.read_exact(&mut got).await.unwrap();
            assert_eq!(got, b"small");
            let (mut read, mut write) = (ours.clone(), ours.clone());
            let send = async {
                write.write_all(&data).await.unwrap();
            };
            let mut got = vec![0; data.len()];
            let (received, ()) = join(read.read_exact(&mut got), send).await;
            received.unwrap();
            assert!(got == data);
            ours.shutdown(std::net::Shutdown::Write).unwrap();
            echo.await;
            for tunnel in tunnels {
                tunnel.await.unwrap();
            }
        });
    }
}

#[test]
fn lines_are_read_from_any_messages() {
    block_on(async {
        let (mut near, far) = pair().await;
        for part in ["one\ntw", "o\nth", "ree"] {
            near.write_all(part.as_bytes()).await.unwrap();
            near.flush().await.unwrap();
        }
        let (closed, lines) = join(near.close(), far.lines().try_collect::<Vec<_>>()).await;
        closed.unwrap();
        assert_eq!(lines.unwrap(), ["one", "two", "three"]);
    });
}

#[test]
fn a_peer_that_goes_is_an_error_and_no_end() {
    block_on(async {
        let (near, mut far) = pair().await;
        drop(near);
        let error = far.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

/// `copy` makes a message of a file.
#[test]
fn a_message_is_written_by_copy() {
    block_on(async {
        let (near, far) = tcp().await;
        let config = || Config::new().max_message_size(300_000);
        let mut near = from_parts(near, Role::Client, Bytes::new(), config());
        let mut far = from_parts(far, Role::Server, Bytes::new(), config());
        let data = pattern(300_000);
        let send = async {
            let mut message = near.begin(MessageKind::Binary).await.unwrap();
            assert_eq!(copy(&data[..], &mut message).await.unwrap(), 300_000);
            message.close().await.unwrap();
        };
        let ((), got) = join(send, far.recv()).await;
        assert!(got.unwrap().unwrap().as_bytes() == data);
    });
}
