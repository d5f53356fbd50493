//! The transport by itself: what one call of the driver does to smol's sockets.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::try_join;
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use smol::block_on;
use smol::net::{TcpListener, TcpStream};
use wskit_driver::{PollWrite, SplitHalf, Timer, Transport};
use wskit_smol::{AsyncIoTimer, Io};

/// Two ends of a TCP connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async { Ok::<_, io::Error>(listener.accept().await?.0) };
    try_join(TcpStream::connect(address), accept).await.unwrap()
}

/// What `peer` has to read; ten seconds of nothing is a failure rather than a test that hangs.
async fn read(mut peer: impl AsyncRead + Unpin) -> usize {
    let limit = Duration::from_secs(10);
    let mut buf = [0; 8];
    AsyncIoTimer::default()
        .within(limit, peer.read(&mut buf))
        .await
        .unwrap()
        .unwrap()
}

/// The peer sees the end although the stream is still there, and a second time changes nothing.
async fn ends<S, P>(stream: S, peer: P)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    P: AsyncRead + Unpin,
{
    let mut io = Io::from(stream);
    poll_fn(|cx| io.poll_shutdown(cx)).await.unwrap();
    assert_eq!(read(peer).await, 0);
    poll_fn(|cx| io.poll_shutdown(cx)).await.unwrap();
    let (_read, mut write) = io.into_split();
    poll_fn(|cx| write.poll_shutdown(cx)).await.unwrap();
}

#[test]
fn shutdown_ends_the_stream_while_it_is_held() {
    block_on(async {
        let (ours, theirs) = pair().await;
        ends(ours, theirs).await;
    });
}

#[cfg(unix)]
#[test]
fn shutdown_ends_a_unix_socket_while_it_is_held() {
    block_on(async {
        let (ours, theirs) = smol::net::unix::UnixStream::pair().unwrap();
        ends(ours, theirs).await;
    });
}

#[test]
fn tcp_is_split_without_a_lock_and_takes_several_chunks_at_once() {
    block_on(async {
        let chunks = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let (ours, mut theirs) = pair().await;
        let mut io = Io::from(ours);
        let n = poll_fn(|cx| io.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!(n, 8);
        let (read_half, mut write_half) = io.into_split();
        assert!(matches!(read_half, SplitHalf::Owned(_)));
        assert!(matches!(write_half, SplitHalf::Owned(_)));
        let n = poll_fn(|cx| write_half.poll_write(cx, &chunks)).await;
        assert_eq!(n.unwrap(), 8);
        let mut both = [0; 16];
        theirs.read_exact(&mut both).await.unwrap();
        poll_fn(|cx| write_half.poll_shutdown(cx)).await.unwrap();
        assert_eq!(read(theirs).await, 0);
    });
}
