//! Models of batches, and of wake-ups without a call that waits: none is lost, whichever task writes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use loom::thread;
use wskit_proto::{Message, PreparedMessage, SendError};

use super::executor::{block_on, poll_once};
use super::socket::{FILL, Socket, fill, split};
use super::{join, model, spawn_with};
use crate::WeakWriter;

fn message() -> PreparedMessage {
    PreparedMessage::binary(b"a")
}

const MESSAGE: [u8; 3] = [0x82, 1, b'a'];

/// Queues a message as soon as there is room.
async fn batch(writer: &WeakWriter<Socket>) -> Result<(), SendError> {
    let message = message();
    poll_fn(|cx| match writer.batch(&[&message]) {
        Ok(batched) if batched.accepted == 0 => {
            writer.wake_when_room(cx.waker());
            Poll::Pending
        }
        Ok(_) => Poll::Ready(Ok(())),
        Err(error) => Poll::Ready(Err(error)),
    })
    .await
}

/// Waits for the end.
async fn ended(writer: &WeakWriter<Socket>) {
    let mut is_watched = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut is_watched, true) {
            return Poll::Ready(());
        }
        writer.wake_when_closed(cx.waker());
        Poll::Pending
    })
    .await;
}

/// What a batch leaves leaves with a reader that waits, or is about to.
#[test]
fn reader_writes_what_a_batch_leaves() {
    model(3, || {
        let (mut reader, writer, socket) = split(0);
        socket.answer_message();
        let batching = spawn_with(&writer.downgrade(), |writer| {
            assert_eq!(writer.batch(&[&message()]).unwrap().accepted, 1);
        });
        let opening = spawn_with(&socket, |socket| socket.take(usize::MAX));
        let received = block_on(reader.recv()).unwrap();
        assert_eq!(received, Some(Message::binary(&b"!"[..])));
        join([batching, opening]);
        assert_eq!(socket.written(), MESSAGE);
        drop(writer);
    });
}

/// The reader's task does not receive: the transport wakes the waker itself.
#[test]
fn room_waker_is_woken_by_the_transport() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let batching = spawn_with(&writer.downgrade(), |writer| {
            block_on(batch(&writer)).unwrap();
        });
        socket.take(usize::MAX);
        join([batching]);
        assert_eq!(socket.written(), [FILL, &MESSAGE].concat());
        drop((reader, writer));
    });
}

/// The reader waits, or is about to, and may be the one that writes.
#[test]
fn room_waker_is_woken_where_a_reader_waits() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        fill(&writer);
        socket.answer_message();
        let batching = spawn_with(&writer.downgrade(), |writer| {
            block_on(batch(&writer)).unwrap();
        });
        let opening = spawn_with(&socket, |socket| socket.take(usize::MAX));
        let received = block_on(reader.recv()).unwrap();
        assert_eq!(received, Some(Message::binary(&b"!"[..])));
        join([batching, opening]);
        assert_eq!(socket.written(), [FILL, &MESSAGE].concat());
        drop(writer);
    });
}

/// The reader has been polled once and is dropped, while the transport takes bytes.
#[test]
fn room_waker_is_woken_when_the_reader_goes() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        fill(&writer);
        assert!(poll_once(pin!(reader.recv())).is_pending());
        let batching = spawn_with(&writer.downgrade(), |writer| {
            block_on(batch(&writer)).unwrap();
        });
        let dropping = thread::spawn(move || drop(reader));
        socket.take(usize::MAX);
        join([batching, dropping]);
        assert_eq!(socket.written(), [FILL, &MESSAGE].concat());
        drop(writer);
    });
}

/// Another call's flush makes room and is dropped, and then the socket takes no more.
#[test]
fn room_waker_is_woken_when_another_call_has_made_room() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let batching = spawn_with(&writer.downgrade(), |writer| {
            block_on(batch(&writer)).unwrap();
        });
        let flushing = spawn_with(&writer, |writer| {
            let _ = poll_once(pin!(writer.flush()));
        });
        socket.take(60);
        join([batching, flushing]);
        assert_eq!(socket.written(), FILL[..60]);
        drop((reader, writer));
    });
}

/// The transport wakes a writer that waits in its place. That one goes first, and writes everything.
#[test]
fn room_waker_is_woken_behind_a_writer() {
    model(2, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let mut send = Box::pin({
            let writer = writer.clone();
            async move { writer.send(&b"x"[..]).await }
        });
        assert!(poll_once(send.as_mut()).is_pending());
        let sending = thread::spawn(move || block_on(send).unwrap());
        let batching = spawn_with(&writer.downgrade(), |writer| {
            block_on(batch(&writer)).unwrap();
        });
        socket.take(usize::MAX);
        join([sending, batching]);
        let messages: [&[u8]; 3] = [FILL, &[0x82, 1, b'x'], &MESSAGE];
        assert_eq!(socket.written(), messages.concat());
        drop((reader, writer));
    });
}

/// Two tasks wait for room, and each is woken.
#[test]
fn room_wakers_are_all_woken() {
    model(2, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let batching = [(), ()].map(|()| {
            spawn_with(&writer.downgrade(), |writer| {
                block_on(batch(&writer)).unwrap();
            })
        });
        socket.take(usize::MAX);
        join(batching);
        assert_eq!(socket.written(), [FILL, &MESSAGE, &MESSAGE].concat());
        drop((reader, writer));
    });
}

/// The connection loses its owners while there is no room: both wakers are woken, registered before or
/// after.
#[test]
fn wakers_are_woken_when_the_owners_go() {
    model(3, || {
        let (reader, writer, _socket) = split(0);
        fill(&writer);
        let batching = spawn_with(&writer.downgrade(), |writer| {
            assert_eq!(block_on(batch(&writer)), Err(SendError::Closed));
        });
        let weak = writer.downgrade();
        // On a thread that does not run first: loom does not know the counts of `Arc`, and sees no reason to
        // try other orders where everything is gone before the first call.
        let dropping = thread::spawn(move || drop((reader, writer)));
        block_on(ended(&weak));
        join([batching, dropping]);
    });
}

/// The peer closes: the reader finds that out, and both wakers are woken.
#[test]
fn wakers_are_woken_when_the_peer_closes() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        fill(&writer);
        let batching = spawn_with(&writer.downgrade(), |writer| {
            let _ = block_on(batch(&writer));
        });
        let ending = spawn_with(&writer.downgrade(), |writer| block_on(ended(&writer)));
        socket.close_by_peer();
        socket.take(usize::MAX);
        assert_eq!(block_on(reader.recv()).unwrap(), None);
        join([batching, ending]);
        drop(writer);
    });
}
