//! Models of sinks that are dropped, and of a connection behind a lock with a task for each direction, as
//! code that is generic over `Stream + Sink` splits it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use loom::sync::Mutex;
use loom::thread;
use wskit_proto::Message;

use super::executor::{block_on, poll_once};
use super::socket::{Clock, LOW, Socket, connection, split};
use super::{join, model, spawn_with};
use crate::sync::{Arc, lock};
use crate::{ConnectionError, WebSocket};

/// A sink is dropped in the middle of its flush: a reader that waits, or is about to, writes the rest.
#[test]
fn reader_finishes_the_flush_of_a_dropped_sink() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        let sending = {
            let mut writer = writer.clone();
            thread::spawn(move || {
                let message = Message::binary(&b"a"[..]);
                Pin::new(&mut writer).start_send(message).unwrap();
                let flush = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx));
                let _ = poll_once(Box::pin(flush).as_mut());
            })
        };
        // The peer answers once it has the whole of the message.
        socket.answer_message();
        let opening = spawn_with(&socket, move |socket| socket.take(usize::MAX));
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([sending, opening]);
        drop(writer);
    });
}

/// Two sinks flush while the socket begins to take bytes: each is done when its own messages are written.
#[test]
fn two_sinks_flush_what_each_has_fed() {
    model(2, || {
        let (reader, writer, socket) = split(0);
        let flushing = [b"a", b"b"].map(|text| {
            let (mut writer, socket) = (writer.clone(), socket.clone());
            thread::spawn(move || {
                let its = || {
                    socket
                        .written()
                        .iter()
                        .filter(|byte| **byte == text[0])
                        .count()
                };
                for fed in 1..3 {
                    let message = Message::binary(&text[..]);
                    Pin::new(&mut writer).start_send(message).unwrap();
                    let flush = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx));
                    if poll_once(Box::pin(flush).as_mut()).is_ready() {
                        assert_eq!(its(), fed);
                    }
                }
                block_on(poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx))).unwrap();
                assert_eq!(its(), 2);
            })
        });
        socket.take(usize::MAX);
        join(flushing);
        drop((reader, writer));
    });
}

type Locked = Arc<Mutex<WebSocket<Socket>>>;

fn locked(room: usize) -> (Locked, Locked, Socket) {
    let (ws, socket) = connection(Clock::still(), room, LOW);
    let ws = Arc::new(Mutex::new(ws));
    (ws.clone(), ws, socket)
}

fn next(ws: &Locked) -> Option<Result<Message, ConnectionError>> {
    block_on(poll_fn(|cx| Pin::new(&mut *lock(ws)).poll_next(cx)))
}

fn feed(ws: &Locked, text: &'static [u8]) {
    let fed = block_on(poll_fn(|cx| {
        let mut ws = lock(ws);
        ready!(Pin::new(&mut *ws).poll_ready(cx))?;
        Poll::Ready(Pin::new(&mut *ws).start_send(Message::binary(text)))
    }));
    fed.unwrap();
}

fn flush(ws: &Locked) {
    block_on(poll_fn(|cx| Pin::new(&mut *lock(ws)).poll_flush(cx))).unwrap();
}

/// One task sends and then does not receive. The answer wakes the other task, whichever of the two the
/// socket has the waker of.
///
/// Proves: X-io-3
#[test]
fn answer_wakes_the_task_that_receives() {
    model(2, || {
        let (sink, stream, socket) = locked(0);
        socket.answer_message();
        let sending = thread::spawn(move || {
            feed(&sink, b"a");
            flush(&sink);
        });
        let opening = thread::spawn(move || socket.take(usize::MAX));
        let message = next(&stream).unwrap().unwrap();
        assert_eq!(message, Message::binary(&b"!"[..]));
        join([sending, opening]);
    });
}

/// The task that sends is dropped in the middle of its flush: the one that receives writes the rest.
#[test]
fn task_that_receives_finishes_a_flush_that_was_dropped() {
    model(2, || {
        let (sink, stream, socket) = locked(0);
        socket.answer_message();
        let sending = thread::spawn(move || {
            feed(&sink, b"a");
            let flush = poll_fn(|cx| Pin::new(&mut *lock(&sink)).poll_flush(cx));
            let _ = poll_once(Box::pin(flush).as_mut());
        });
        let opening = thread::spawn(move || socket.take(usize::MAX));
        let message = next(&stream).unwrap().unwrap();
        assert_eq!(message, Message::binary(&b"!"[..]));
        join([sending, opening]);
    });
}

/// One task closes, the other one receives: both see the end.
///
/// Proves: R6455-7.1.2-a
#[test]
fn both_tasks_see_the_end() {
    model(2, || {
        let (sink, stream, socket) = locked(usize::MAX);
        socket.answer_close();
        let closing = thread::spawn(move || {
            block_on(poll_fn(|cx| Pin::new(&mut *lock(&sink)).poll_close(cx))).unwrap();
        });
        assert!(next(&stream).is_none());
        join([closing]);
    });
}

/// The transport's shutdown is pending: both tasks wait for it.
#[test]
fn both_tasks_wait_for_the_transport() {
    model(2, || {
        let (sink, stream, socket) = locked(usize::MAX);
        socket.answer_close();
        socket.linger();
        let closing = thread::spawn(move || {
            block_on(poll_fn(|cx| Pin::new(&mut *lock(&sink)).poll_close(cx))).unwrap();
        });
        let letting_go = thread::spawn(move || socket.let_go());
        assert!(next(&stream).is_none());
        join([closing, letting_go]);
    });
}
