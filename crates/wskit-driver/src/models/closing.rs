//! Models of the end of a connection: every call that waits ends, and every task with work to do is
//! woken.

use loom::thread;
use wskit_proto::CloseCode;

use super::executor::block_on;
use super::socket::{Clock, fill, split, split_in};
use super::{join, model, spawn_with};

/// A writer starts to close while the reader waits or is about to: the reader is woken, arms the
/// deadline, and reports the end, though the peer sends nothing more.
///
/// Proves: R6455-7.1.2-a
#[test]
fn close_of_a_writer_wakes_the_reader() {
    model(4, || {
        let (mut reader, writer, _) = split_in(Clock::leaping(), usize::MAX);
        let closing = thread::spawn(move || writer.start_close(CloseCode::NORMAL, "").unwrap());
        let end = block_on(reader.recv());
        assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");
        assert!(reader.outcome().is_some());
        join([closing]);
    });
}

/// A writer closes and another one sends, while the reader receives: both Closes go, and all three end.
#[test]
fn all_tasks_learn_of_a_close() {
    model(1, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        let closing = spawn_with(&writer, move |writer| {
            let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
            assert!(outcome.is_clean(), "{outcome:?}");
        });
        let sending = thread::spawn(move || {
            if let Err(error) = block_on(writer.send(&b"late"[..])) {
                assert!(error.is_closed(), "{error:?}");
            }
        });
        assert!(block_on(reader.recv()).unwrap().is_none());
        join([closing, sending]);
    });
}

/// A writer waits for room, or is about to, while the socket takes nothing more. Another writer closes.
#[test]
fn close_of_a_writer_wakes_another_that_waits_for_room() {
    model(3, || {
        let (reader, writer, _) = split(0);
        fill(&writer);
        let waiting = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"x"[..])).unwrap_err()
        });
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        for error in join([waiting]) {
            assert!(error.is_closed(), "{error:?}");
        }
        drop((reader, writer));
    });
}

/// The reader was dropped. A writer waits for room, and its waker may be the one that the socket has, while
/// another writer closes: the one that closes still learns that the socket takes more.
#[test]
fn close_goes_on_when_the_writer_with_the_sockets_waker_has_ended() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        socket.answer_close();
        fill(&writer);
        drop(reader);
        let waiting = spawn_with(&writer, move |writer| {
            if let Err(error) = block_on(writer.feed(&b"x"[..])) {
                assert!(error.is_closed(), "{error:?}");
            }
        });
        let closing = thread::spawn(move || {
            let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
            assert!(outcome.is_clean(), "{outcome:?}");
        });
        socket.take(usize::MAX);
        join([waiting, closing]);
    });
}

/// The reader is dropped while a writer closes: the writer reads in its place.
#[test]
fn writer_that_closes_outlives_the_reader() {
    model(3, || {
        let (reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        let going = thread::spawn(move || drop(reader));
        let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
        assert!(outcome.is_clean(), "{outcome:?}");
        join([going]);
    });
}

/// The reader was dropped, and the transport's shutdown is pending: the writer that closes waits for it.
#[test]
fn writer_that_closes_waits_for_the_transport() {
    model(3, || {
        let (reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        socket.linger();
        drop(reader);
        let closing = thread::spawn(move || {
            let outcome = block_on(writer.close(CloseCode::NORMAL, "")).unwrap();
            assert!(outcome.is_clean(), "{outcome:?}");
        });
        socket.let_go();
        join([closing]);
    });
}

/// The transport's shutdown is pending: the reader waits for it.
#[test]
fn reader_waits_for_the_transport() {
    model(3, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_close();
        socket.linger();
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        let reading = thread::spawn(move || assert!(block_on(reader.recv()).unwrap().is_none()));
        socket.let_go();
        join([reading]);
        assert!(writer.outcome().unwrap().is_clean());
    });
}
