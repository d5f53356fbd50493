//! A peer that never stops, in real time: deadlines are kept although the task's budget is spent before a
//! read comes back empty, and over TCP.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpSocket;
use tokio::task::coop::consume_budget;
use wskit_driver::Shutdown;
use wskit_handshake::OriginPolicy;
use wskit_proto::{Cause, CloseCode, Config, Outcome, Role, TimeoutKind, deflate};
use wskit_test::Frames;
use wskit_tokio::{ConnectionError, Server, TokioTimer, WebSocket, from_parts};

/// Every deadline.
const TIME: Duration = Duration::from_millis(300);
/// After so long a deadline was not kept, however slow the machine is.
const NEVER: Duration = Duration::from_secs(20);

/// Always has 512 bytes for a task that has budget left, as a socket under a flood; takes whatever is
/// written.
struct Flood {
    bytes: Vec<u8>,
    at: usize,
}

impl Flood {
    fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(pin!(consume_budget()).poll(cx));
        for _ in 0..buf.remaining().min(512) {
            buf.put_slice(&[self.bytes[self.at]]);
            self.at = (self.at + 1) % self.bytes.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn brief() -> Config {
    Config::new().keepalive(None).close_timeout(TIME)
}

/// Messages without end for a server.
fn messages(config: Config) -> WebSocket<Flood> {
    let flood = Flood::of(Frames::to(Role::Server).binary(&[7; 100]));
    from_parts(flood, Role::Server, Bytes::new(), config)
}

/// Runs the test as a task of its own, so that time can be called on it.
async fn ends<T: Send + 'static>(test: impl Future<Output = T> + Send + 'static) -> T {
    let task = tokio::spawn(test);
    let abort = task.abort_handle();
    let ended = tokio::time::timeout(NEVER, task).await;
    abort.abort();
    ended.expect("no deadline is kept").unwrap()
}

fn ran_out(outcome: &Outcome) {
    assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
}

/// Proves: X-io-2
#[tokio::test]
async fn close_ends_although_the_budget_is_spent() {
    let mut ws = messages(brief());
    ran_out(&ends(async move { ws.close(CloseCode::NORMAL, "").await.unwrap() }).await);
}

/// Proves: X-io-2
#[tokio::test]
async fn receiver_ends_although_the_budget_is_spent() {
    let mut ws = messages(brief());
    let told = ends(async move {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        loop {
            match ws.recv().await {
                Ok(Some(_)) => {}
                told => return told,
            }
        }
    })
    .await;
    assert!(matches!(
        told,
        Err(ConnectionError::Timeout(TimeoutKind::Close))
    ));
}

/// Proves: X-io-2
#[tokio::test]
async fn protocol_error_is_told_although_the_budget_is_spent() {
    // Not masked.
    let flood = Flood::of(Frames::to(Role::Client).binary(&[7; 100]));
    let mut ws = from_parts(flood, Role::Server, Bytes::new(), brief());
    let told = ends(async move { ws.recv().await }).await;
    assert!(
        matches!(told, Err(ConnectionError::Protocol(_))),
        "{told:?}"
    );
}

/// Proves: X-io-2
#[tokio::test]
async fn idle_connection_ends_although_the_budget_is_spent() {
    let flood = Flood::of(Frames::to(Role::Server).ping(&[7; 100]));
    let config = brief().idle_timeout(Some(TIME));
    let mut ws = from_parts(flood, Role::Server, Bytes::new(), config);
    let sent = ends(async move {
        let _ = ws.recv().await;
        ws.outcome().unwrap().sent
    })
    .await;
    assert_eq!(sent, Some(Some(CloseCode::GOING_AWAY)));
}

/// Proves: X-io-2
#[tokio::test]
async fn writer_without_a_reader_ends_although_the_budget_is_spent() {
    let (reader, writer) = messages(brief()).split();
    drop(reader);
    ran_out(&ends(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() }).await);
    let (reader, mut writer) = messages(brief()).split();
    drop(reader);
    let outcome = ends(async move {
        let _ = poll_fn(|cx| writer.poll_close_unpin(cx)).await;
        writer.outcome()
    });
    ran_out(&outcome.await.unwrap());
}

/// Proves: X-io-2
#[tokio::test]
async fn halves_end_although_the_budget_is_spent() {
    let (mut reader, writer) = messages(brief()).split();
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
    ran_out(&ends(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() }).await);
    ends(async move { reading.await.unwrap() }).await;
}

/// Proves: X-io-2
#[tokio::test]
async fn shutdown_gives_up_although_the_budget_is_spent() {
    let shutdown = Shutdown::<TokioTimer>::new();
    let mut ws = messages(brief().close_timeout(NEVER * 10));
    ws.track(&shutdown);
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
    let report = ends(async move { shutdown.finish(TIME).await.unwrap() }).await;
    assert_eq!((report.timed_out, report.total()), (1, 1));
    ends(async move { reading.await.unwrap() }).await;
}

/// A server and a client of TCP that sends small compressed messages as fast as it can; the server's
/// buffer is large enough never to run empty.
async fn compressed_over_tcp() -> WebSocket<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 20).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut peer = std::net::TcpStream::connect(address).unwrap();
        peer.write_all(
            b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        )
        .unwrap();
        let mut head = [0; 1024];
        assert!(peer.read(&mut head).unwrap() > 0);
        // "Hello" (RFC 7692 §7.2.3.1), masked with zeros.
        let hello = b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0";
        let many = hello.repeat(5000);
        // Until the server has gone.
        while peer.write_all(&many).is_ok() {}
    });
    let (tcp, _) = listener.accept().await.unwrap();
    let server = Server::new(OriginPolicy::Any).config(brief());
    let ws = server.deflate(deflate::Config::server()).accept(tcp).await;
    let mut ws = ws.unwrap();
    // The flood is on.
    for _ in 0..100_000 {
        assert_eq!(ws.recv().await.unwrap().unwrap().as_bytes(), b"Hello");
    }
    ws
}

/// Proves: X-io-2
#[tokio::test]
async fn close_over_tcp_ends_under_a_flood() {
    let mut ws = compressed_over_tcp().await;
    ran_out(&ends(async move { ws.close(CloseCode::NORMAL, "").await.unwrap() }).await);
}

/// Proves: X-io-2
#[tokio::test]
async fn receiver_over_tcp_ends_under_a_flood() {
    let mut ws = compressed_over_tcp().await;
    let told = ends(async move {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        loop {
            match ws.recv().await {
                Ok(Some(_)) => {}
                told => return told,
            }
        }
    })
    .await;
    assert!(matches!(
        told,
        Err(ConnectionError::Timeout(TimeoutKind::Close))
    ));
}
