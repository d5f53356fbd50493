//! The transport by itself: what one call of the driver's does to a futures-io stream.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, TcpStream as StdTcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_std::task::block_on;
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use wskit_async_std::{AsyncIoTimer, Io};
use wskit_driver::{PollWrite, Timer, Transport};

/// Two ends of a TCP connection.
fn pair() -> (StdTcpStream, StdTcpStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = StdTcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
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
        let (ours, theirs) = pair();
        let theirs = async_std::net::TcpStream::from(theirs);
        ends(async_std::net::TcpStream::from(ours), theirs).await;

        let (ours, theirs) = pair();
        let theirs = async_std::net::TcpStream::from(theirs);
        ends(smol::net::TcpStream::try_from(ours).unwrap(), theirs).await;
    });
}

#[cfg(unix)]
#[test]
fn shutdown_ends_a_unix_socket_while_it_is_held() {
    use async_std::os::unix::net::UnixStream;
    block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ends(ours, theirs).await;
    });
}

#[test]
fn half_of_tcp_ends_the_stream_while_both_are_held() {
    block_on(async {
        let (ours, theirs) = pair();
        let theirs = async_std::net::TcpStream::from(theirs);
        let io = Io::from(async_std::net::TcpStream::from(ours));
        let (_read, mut write) = io.into_split();
        poll_fn(|cx| write.poll_shutdown(cx)).await.unwrap();
        assert_eq!(read(theirs).await, 0);
    });
}

/// A stream that has these bytes to read, and counts the calls by which it is written to.
#[derive(Default)]
struct Plain {
    bytes: Vec<u8>,
    read: usize,
    writes: usize,
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let rest = &self.bytes[self.read..];
        let n = buf.len().min(rest.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

#[test]
fn tcp_takes_several_chunks_at_once_and_an_unknown_stream_the_first() {
    block_on(async {
        let chunks = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let (ours, _theirs) = pair();
        let mut io = Io::from(async_std::net::TcpStream::from(ours));
        let n = poll_fn(|cx| io.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!(n, 8);
        let (_read, mut write) = io.into_split();
        let n = poll_fn(|cx| write.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!(n, 8);

        let mut io = Io::from(Plain::default());
        let n = poll_fn(|cx| io.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!((n, io.get_ref().writes), (4, 1));
        let (_read, mut write) = io.into_split();
        let n = poll_fn(|cx| write.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!(n, 4);
    });
}

#[test]
fn stream_that_is_gone_already_is_shut_down() {
    let mut io = Io::from(Plain::default());
    block_on(poll_fn(|cx| io.poll_shutdown(cx))).unwrap();
}
