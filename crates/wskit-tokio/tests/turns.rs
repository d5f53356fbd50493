//! A connection whose peer never stops lets tokio look at its sockets after each turn.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{self, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wskit_proto::{Config, Role};
use wskit_test::Frames;
use wskit_tokio::from_parts;

/// What a connection reads in a turn.
const TURN: usize = 64 << 10;
/// The other socket gets a byte after this number of turns.
const BEFORE: usize = 10;

/// Always has bytes, and costs a task nothing of its budget.
struct Flood {
    bytes: Vec<u8>,
    at: usize,
    read: Arc<AtomicUsize>,
    /// Gets a byte in the middle of the flood.
    other: Option<std::net::TcpStream>,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 {
            let from = &self.bytes[self.at..];
            let n = from.len().min(buf.remaining());
            buf.put_slice(&from[..n]);
            self.at = (self.at + n) % self.bytes.len();
        }
        let read = self.read.fetch_add(buf.filled().len(), Ordering::Relaxed);
        if read >= TURN * BEFORE {
            if let Some(mut other) = self.other.take() {
                other.write_all(b"!").unwrap();
            }
        }
        assert!(read < TURN * 1000, "the other task never runs");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs a flood by `task` and returns how many turns passed before a task that waits for a socket got
/// the byte that had come.
async fn turns_until_the_other_runs(receive: bool) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    other.set_nodelay(true).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut socket = TcpStream::from_std(socket).unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let flood = Flood {
        bytes: Frames::to(Role::Server).pong(&[7; 100]),
        at: 0,
        read: read.clone(),
        other: Some(other),
    };
    let waiting = tokio::spawn(async move { socket.read_u8().await.unwrap() });
    // It waits before the flood begins.
    tokio::task::yield_now().await;
    let config = Config::new().keepalive(None).read_budget(4 * TURN);
    let mut ws = from_parts(flood, Role::Server, Bytes::new(), config);
    let flooded = tokio::spawn(async move {
        if receive {
            let _ = ws.recv().await;
        } else {
            let _ = ws.close(wskit_proto::CloseCode::NORMAL, "").await;
        }
    });
    assert_eq!(waiting.await.unwrap(), b'!');
    flooded.abort();
    read.load(Ordering::Relaxed) / TURN - BEFORE
}

#[tokio::test]
async fn socket_is_looked_at_between_the_turns_of_a_receiver() {
    let turns = turns_until_the_other_runs(true).await;
    assert!(turns <= 4, "{turns} turns");
}

#[tokio::test]
async fn socket_is_looked_at_between_the_turns_of_a_sender() {
    let turns = turns_until_the_other_runs(false).await;
    assert!(turns <= 4, "{turns} turns");
}
