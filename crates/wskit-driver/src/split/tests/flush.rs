//! Tests what a flush returns over a transport that buffers.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use wskit_proto::TimeoutKind;

use super::transport::split;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The bytes are still in the transport's buffer when the connection ends.
#[test]
fn flush_that_the_end_overtakes_is_an_error() {
    let (_reader, writer, _) = split(usize::MAX, || Poll::Pending);
    let mut send = pin!(writer.send("x"));
    assert!(poll(send.as_mut()).is_pending());
    writer
        .shared
        .with_sender(|sender| sender.output.outbox.time_out(TimeoutKind::Keepalive));
    assert!(matches!(poll(send), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
}

/// The transport fails to pass the bytes on: every waiting call gets an error, not only the one that tried.
#[test]
fn flush_that_fails_is_an_error_for_all_who_wait() {
    let (_reader, writer, io) = split(usize::MAX, || Poll::Pending);
    let (mut one, mut two) = (pin!(writer.send("1")), pin!(writer.send("2")));
    assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
    io.state().flush = || Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
    writer.shared.socket_waker().wake_by_ref();
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
    assert!(matches!(poll(one), Poll::Ready(Err(_))));
    assert!(matches!(poll(two), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(writer.flush())), Poll::Ready(Err(_))));
}

/// A queued pong is dropped when the peer's Close comes. An earlier flush does not wait for it.
#[test]
fn flush_does_not_wait_for_a_pong_that_was_dropped() {
    let (mut reader, writer, io) = split(0, || Poll::Ready(Ok(())));
    io.state().unread = [&[0x89, 0xb2, 0, 0, 0, 0][..], &[7; 50]].concat();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reader.poll_recv(&mut cx).is_pending());
    let mut send = pin!(writer.send("in the queue"));
    assert!(poll(send.as_mut()).is_pending());
    io.state().unread = vec![0x88, 0x82, 0, 0, 0, 0, 3, 0xe8];
    assert!(reader.poll_recv(&mut cx).is_pending(), "the socket is full");
    io.state().room = usize::MAX;
    writer.shared.socket_waker().wake_by_ref();
    assert!(matches!(reader.poll_recv(&mut cx), Poll::Ready(Ok(None))));
    assert!(matches!(poll(send), Poll::Ready(Ok(()))));
}
