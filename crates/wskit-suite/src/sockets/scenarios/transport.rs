//! The transport by itself: what one call of the driver does to a socket.

use std::future::poll_fn;
use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::time::Duration;

use wskit_dial::Net;
use wskit_driver::{PollRead, PollWrite, Runtime, Transport, within};

use super::{ClientIo, Sockets, run};

/// Returns the two ends of a TCP connection.
async fn pair<S: Sockets>() -> (S::TcpIo, ClientIo<S>) {
    let (listener, port) = S::listen().await;
    let theirs = S::Net::connect_tcp(
        (Ipv4Addr::LOCALHOST, port).into(),
        None,
        wskit_driver::SocketOptions::new(),
    )
    .await;
    let (ours, _) = S::accept(&listener).await;
    (S::Net::wrap(ours), S::Net::wrap(theirs.unwrap()))
}

/// Asserts that the peer sees the end although the stream is still there, and that a second shutdown
/// changes nothing.
pub async fn shut_down_while_held<T: Transport + 'static>(mut io: T, mut peer: impl PollRead) {
    poll_fn(|cx| io.poll_shutdown(cx)).await.unwrap();
    let mut buf = [0; 8];
    let read = poll_fn(|cx| peer.poll_read(cx, &mut buf));
    let read = within(io.timer(), Duration::from_secs(10), read).await;
    assert_eq!(read.expect("the end").unwrap(), 0);
    poll_fn(|cx| io.poll_shutdown(cx)).await.unwrap();
    let (_read, mut write) = io.into_split();
    poll_fn(|cx| write.poll_shutdown(cx)).await.unwrap();
}

/// A TCP connection of the runtime.
pub fn shutdown_ends_the_stream_while_it_is_held<S: Sockets>() {
    run::<S>(async {
        let (ours, theirs) = pair::<S>().await;
        shut_down_while_held(ours, theirs).await;
    });
}

/// The whole stream takes them, and so does its half, whose shutdown ends the stream.
pub fn tcp_takes_several_chunks_at_once<S: Sockets>() {
    run::<S>(async {
        let chunks = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let (mut ours, mut theirs) = pair::<S>().await;
        assert_eq!(poll_fn(|cx| ours.poll_write(cx, &chunks)).await.unwrap(), 8);
        let (_read, mut write) = ours.into_split();
        let taken = poll_fn(|cx| write.poll_write(cx, &chunks)).await;
        assert_eq!(taken.unwrap(), 8);
        poll_fn(|cx| write.poll_flush(cx)).await.unwrap();
        poll_fn(|cx| write.poll_shutdown(cx)).await.unwrap();
        let (mut all, mut buf) = (Vec::new(), [0; 16]);
        while let n @ 1.. = poll_fn(|cx| theirs.poll_read(cx, &mut buf)).await.unwrap() {
            all.extend_from_slice(&buf[..n]);
        }
        assert_eq!(all, b"headbodyheadbody");
    });
}
