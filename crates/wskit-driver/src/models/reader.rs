//! Models of what writers leave to the reader.

use std::pin::pin;

use loom::thread;
use wskit_proto::Message;

use super::executor::{block_on, poll_once};
use super::socket::split;
use super::{join, model};

/// Bytes that a writer queued and did not write leave with a reader that waits, or is about to.
#[test]
fn reader_finishes_a_dropped_send() {
    model(3, || {
        let (mut reader, writer, socket) = split(0);
        let sending = {
            let writer = writer.clone();
            thread::spawn(move || {
                let send = pin!(writer.send(&b"a"[..]));
                let _ = poll_once(send);
            })
        };
        // The peer answers once it has the whole of the message.
        socket.answer_message();
        let opening = {
            let socket = socket.clone();
            thread::spawn(move || socket.take(usize::MAX))
        };
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([sending, opening]);
        assert_eq!(socket.written(), [0x82, 1, b'a']);
        drop(writer);
    });
}
