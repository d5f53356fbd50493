//! Models of a byte stream that two tasks share behind a lock, as `tokio::io::split` does.

use std::future::poll_fn;

use loom::sync::Mutex;
use loom::thread;

use super::executor::block_on;
use super::socket::{Clock, LOW, Socket, connection};
use super::{join, model};
use crate::ByteStream;
use crate::sync::{Arc, lock};

/// A task reads, or is about to; another one writes and does not flush. The reader is woken to flush,
/// and gets the peer's answer.
#[test]
fn task_that_reads_writes_for_one_that_does_not_flush() {
    model(3, || {
        let (stream, socket) = stream(usize::MAX);
        socket.answer_message();
        let reading = read(&stream);
        block_on(poll_fn(|cx| lock(&stream).poll_write(cx, b"a"))).unwrap();
        join([reading]);
        assert_eq!(socket.written(), [0x82, 1, b'a']);
    });
}

/// Two tasks wait for the socket to take the same bytes. The socket has the waker of only one of them.
#[test]
fn both_tasks_go_on_when_the_socket_does() {
    model(2, || {
        let (stream, socket) = stream(0);
        socket.answer_message();
        let reading = read(&stream);
        let writing = thread::spawn(move || {
            block_on(poll_fn(|cx| lock(&stream).poll_write(cx, b"a"))).unwrap();
            block_on(poll_fn(|cx| lock(&stream).poll_flush(cx))).unwrap();
        });
        socket.take(usize::MAX);
        join([reading, writing]);
    });
}

type Shared = Arc<Mutex<ByteStream<Socket>>>;

fn stream(room: usize) -> (Shared, Socket) {
    let (ws, socket) = connection(Clock::still(), room, LOW);
    (Arc::new(Mutex::new(ByteStream::new(ws))), socket)
}

/// Reads the peer's answer.
fn read(stream: &Shared) -> thread::JoinHandle<()> {
    let stream = stream.clone();
    thread::spawn(move || {
        let mut buf = [0; 8];
        let read = block_on(poll_fn(|cx| lock(&stream).poll_read(cx, &mut buf))).unwrap();
        assert_eq!(&buf[..read], b"!");
    })
}
