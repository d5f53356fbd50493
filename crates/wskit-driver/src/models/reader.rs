//! Models of what writers leave to the reader, and of what they do in its place.

use std::pin::pin;

use loom::thread;
use wskit_proto::Message;

use super::executor::{block_on, poll_once};
use super::socket::{fill, split};
use super::{join, model, spawn_with};

/// Bytes that a writer queued and did not write leave with a reader that waits, or is about to.
#[test]
fn reader_finishes_a_dropped_send() {
    model(3, || {
        let (mut reader, writer, socket) = split(0);
        let sending = spawn_with(&writer, move |writer| {
            let send = pin!(writer.send(&b"a"[..]));
            let _ = poll_once(send);
        });
        // The peer answers once it has the whole of the message.
        socket.answer_message();
        let opening = spawn_with(&socket, move |socket| socket.take(usize::MAX));
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([sending, opening]);
        assert_eq!(socket.written(), [0x82, 1, b'a']);
        drop(writer);
    });
}

/// The reader was dropped, and the peer closes. The call that the socket wakes is dropped: the other one,
/// which waits for room, reads the Close.
///
/// Proves: X-io-4
#[test]
fn call_that_waits_reads_when_the_one_that_was_woken_gives_up() {
    model(2, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        drop(reader);
        let mut flush = Box::pin({
            let writer = writer.clone();
            async move { writer.flush().await }
        });
        assert!(poll_once(flush.as_mut()).is_pending());
        let gives_up = thread::spawn(move || drop(flush));
        let waiting = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"x"[..])).unwrap_err()
        });
        socket.close_by_peer();
        for error in join([waiting]) {
            assert!(error.is_closed(), "{error:?}");
        }
        join([gives_up]);
        drop(writer);
    });
}
