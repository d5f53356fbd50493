//! Models of writers that wait: for the socket, for room, for their turn, and for each other's messages.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use futures_sink::Sink;
use loom::thread;
use wskit_proto::{Message, MessageKind};

use super::executor::{block_on, poll_once};
use super::socket::{Clock, FILL, connection, fill, split};
use super::{join, model, spawn_with};

/// Two writers send while the socket is full, with a single waker for both; then it takes everything.
#[test]
fn two_writers_go_on_when_the_socket_does() {
    model(3, || {
        let (reader, writer, socket) = split(3);
        let writing = [b"a", b"b"].map(|text| {
            spawn_with(&writer, move |writer| {
                block_on(writer.send(&text[..])).unwrap()
            })
        });
        socket.take(usize::MAX);
        join(writing);
        let mut written = socket.written();
        written.sort_unstable();
        assert_eq!(written, [1, 1, b'a', b'b', 0x82, 0x82]);
        drop((reader, writer));
    });
}

/// One writer waits for room. Another writer's flush makes room and is dropped, and then the socket takes
/// no more.
#[test]
fn writer_enters_when_another_has_made_room() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let entering = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"x"[..])).unwrap()
        });
        let flushing = spawn_with(&writer, move |writer| {
            let _ = poll_once(pin!(writer.flush()));
        });
        socket.take(60);
        join([entering, flushing]);
        assert_eq!(socket.written(), FILL[..60]);
        drop((reader, writer));
    });
}

/// Two writers wait, and a third comes while the socket begins to take bytes: they go on in the order
/// in which they came.
#[test]
fn writers_enter_in_the_order_in_which_they_came() {
    model(1, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let in_line = [b"x", b"y"].map(|text| {
            let writer = writer.clone();
            let mut feed = Box::pin(async move { writer.feed(&text[..]).await });
            assert!(poll_once(feed.as_mut()).is_pending());
            thread::spawn(move || block_on(feed).unwrap())
        });
        let last = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"z"[..])).unwrap()
        });
        socket.take(usize::MAX);
        join(in_line);
        join([last]);
        block_on(writer.flush()).unwrap();
        let written = socket.written();
        let messages: [&[u8]; 4] = [FILL, &[0x82, 1, b'x'], &[0x82, 1, b'y'], &[0x82, 1, b'z']];
        assert_eq!(written, messages.concat());
        drop((reader, writer));
    });
}

/// The first of two waiting writers is dropped while the socket empties the queue: the second goes on.
///
/// Proves: X-io-4
#[test]
fn line_moves_on_when_its_first_gives_up() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let gives_up = spawn_with(&writer, move |writer| {
            let feed = pin!(writer.feed(&b"x"[..]));
            let _ = poll_once(feed);
        });
        let goes_on = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"y"[..])).unwrap()
        });
        socket.take(usize::MAX);
        join([gives_up, goes_on]);
        drop((reader, writer));
    });
}

/// The first of two waiting writers is dropped when its turn has come: the second is woken, because
/// nothing else will wake it.
///
/// Proves: X-io-4
#[test]
fn place_that_is_dropped_is_the_next_ones_turn() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let mut first = Box::pin({
            let writer = writer.clone();
            async move { writer.feed(&b"x"[..]).await }
        });
        assert!(poll_once(first.as_mut()).is_pending());
        let second = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"y"[..])).unwrap()
        });
        socket.take(usize::MAX);
        drop(first);
        join([second]);
        drop((reader, writer));
    });
}

/// A permit takes the room that another writer waits for, and gives it back when it is dropped.
#[test]
fn permit_that_is_dropped_lets_the_next_one_in() {
    model(3, || {
        let (reader, writer, _) = split(usize::MAX);
        let permit = block_on(writer.reserve()).unwrap();
        let waiting = spawn_with(&writer, move |writer| {
            block_on(writer.feed(&b"x"[..])).unwrap()
        });
        drop(permit);
        join([waiting]);
        drop((reader, writer));
    });
}

/// A message in pieces begins when earlier permits are used.
#[test]
fn message_lock_waits_for_permits() {
    model(3, || {
        // There would be room for both.
        let (ws, socket) = connection(Clock::still(), usize::MAX, 1 << 20);
        let (reader, writer) = ws.split();
        let permit = block_on(writer.reserve()).unwrap();
        let mut beginning = Box::pin({
            let writer = writer.clone();
            async move {
                let message = writer.begin(MessageKind::Binary).await.unwrap();
                message.finish().await.unwrap();
            }
        });
        assert!(poll_once(beginning.as_mut()).is_pending());
        let beginning = thread::spawn(move || block_on(beginning));
        permit.send(&b"p"[..]);
        join([beginning]);
        assert_eq!(socket.written(), [0x82, 1, b'p', 0x82, 0]);
        drop((reader, writer));
    });
}

/// A message in pieces keeps another writer waiting until it is finished.
///
/// Proves: R6455-5.4-c
#[test]
fn message_lock_keeps_another_writer_out_and_lets_it_in() {
    model(3, || {
        let (reader, writer, socket) = split(usize::MAX);
        let streaming = spawn_with(&writer, move |writer| {
            block_on(async {
                let mut message = writer.begin(MessageKind::Binary).await.unwrap();
                message.write(b"p").await.unwrap();
                message.flush().await.unwrap();
                message.finish().await.unwrap();
            });
        });
        block_on(writer.send(&b"w"[..])).unwrap();
        join([streaming]);
        let (pieces, whole) = ([2, 1, b'p', 0x80, 0], [0x82, 1, b'w']);
        let written = socket.written();
        assert!(
            written == [&pieces[..], &whole].concat() || written == [&whole[..], &pieces].concat(),
            "{written:02x?}"
        );
        drop((reader, writer));
    });
}

/// A sink has no turn, but also waits for a message in pieces.
#[test]
fn message_lock_keeps_a_sink_out_and_lets_it_in() {
    model(3, || {
        let (reader, mut writer, socket) = split(usize::MAX);
        let message = block_on(writer.begin(MessageKind::Binary)).unwrap();
        let sinking = {
            let mut writer = writer.clone();
            thread::spawn(move || {
                block_on(poll_fn(|cx| Pin::new(&mut writer).poll_ready(cx))).unwrap();
                let message = Message::binary(&b"s"[..]);
                Pin::new(&mut writer).start_send(message).unwrap();
            })
        };
        block_on(message.finish()).unwrap();
        join([sinking]);
        block_on(poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx))).unwrap();
        assert_eq!(socket.written(), [0x82, 0, 0x82, 1, b's']);
        drop((reader, writer));
    });
}
