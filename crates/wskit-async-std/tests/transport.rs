//! The transport by itself: what the suite does not know of futures-io streams.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, TcpStream as StdTcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_std::net::TcpStream;
use async_std::task::block_on;
use futures_util::io::{AsyncRead, AsyncWrite};
use wskit_async_std::{AsyncIoTimer, Io};
use wskit_driver::{PollRead, PollWrite, Transport, within};
use wskit_suite::sockets::scenarios::shut_down_while_held;

/// Two ends of a TCP connection.
fn pair() -> (StdTcpStream, StdTcpStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = StdTcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

#[test]
fn shutdown_ends_a_stream_of_smol_while_it_is_held() {
    block_on(async {
        let (ours, theirs) = pair();
        let ours = smol::net::TcpStream::try_from(ours).unwrap();
        shut_down_while_held(Io::from(ours), Io::from(TcpStream::from(theirs))).await;
    });
}

#[cfg(unix)]
#[test]
fn shutdown_ends_a_unix_socket_while_it_is_held() {
    block_on(async {
        let (ours, theirs) = async_std::os::unix::net::UnixStream::pair().unwrap();
        shut_down_while_held(Io::from(ours), Io::from(theirs)).await;
    });
}

#[test]
fn half_of_tcp_ends_the_stream_while_both_are_held() {
    block_on(async {
        let (ours, theirs) = pair();
        let (_read, mut write) = Io::from(TcpStream::from(ours)).into_split();
        let mut theirs = Io::from(TcpStream::from(theirs));
        poll_fn(|cx| write.poll_shutdown(cx)).await.unwrap();
        let mut buf = [0; 8];
        let read = poll_fn(|cx| theirs.poll_read(cx, &mut buf));
        let read = within(AsyncIoTimer::default(), Duration::from_secs(10), read).await;
        assert_eq!(read.expect("the end").unwrap(), 0);
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
fn unknown_stream_takes_the_first_chunk() {
    block_on(async {
        let chunks = [IoSlice::new(b"head"), IoSlice::new(b"body")];
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
