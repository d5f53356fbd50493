//! Models of lanes: every waiting call is woken, no message is lost, and dropped ones are counted.

use std::pin::pin;

use loom::thread;
use wskit_proto::{Message, MessageKind, SendError, State};

use super::executor::{block_on, poll_once};
use super::socket::{Clock, FILL, Socket, fill, split, split_in};
use super::{join, model, spawn_with};
use crate::{LaneConfig, Overflow, Priority, Pushed};

/// A lane with room for one message is full; the socket takes what was before it.
///
/// Proves: X-io-3
#[test]
fn full_lane_lets_its_sender_on_when_the_socket_takes() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let mut lane = writer.lane(LaneConfig::new().max_messages(1));
        let sending = thread::spawn(move || {
            block_on(async {
                lane.feed(&b"a"[..]).await.unwrap();
                lane.feed(&b"b"[..]).await.unwrap();
                lane.send(&b"c"[..]).await.unwrap();
            });
            assert_eq!(lane.dropped(), 0);
        });
        socket.take(usize::MAX);
        join([sending]);
        let messages: [&[u8]; 4] = [FILL, &[0x82, 1, b'a'], &[0x82, 1, b'b'], &[0x82, 1, b'c']];
        assert_eq!(socket.written(), messages.concat());
        drop((reader, writer));
    });
}

/// A lane is fed and dropped before its message is written: a reader that waits, or is about to, is
/// woken and writes it.
#[test]
fn reader_writes_what_a_dropped_lane_was_fed() {
    model(3, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_message();
        let feeding = thread::spawn(move || {
            let mut lane = writer.lane(LaneConfig::new());
            block_on(lane.feed(&b"a"[..])).unwrap();
        });
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([feeding]);
        assert_eq!(socket.written(), [0x82, 1, b'a']);
    });
}

/// The socket refuses a push: the reader waits for the socket and writes, also after a second push.
#[test]
fn reader_writes_what_was_pushed_and_refused() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        socket.answer_message();
        let pushing = spawn_with(&writer, move |writer| {
            let mut lane = writer.lane(LaneConfig::new());
            assert_eq!(lane.push(&b"b"[..]), Ok(Pushed::Queued));
            assert_eq!(lane.push(&b"a"[..]), Ok(Pushed::Queued));
        });
        let opening = spawn_with(&socket, move |socket| socket.take(usize::MAX));
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([pushing, opening]);
        assert_eq!(socket.written(), [0x82, 1, b'b', 0x82, 1, b'a']);
        drop(writer);
    });
}

/// A lane's send is dropped while the queue before it is not written: the reader writes both.
///
/// Proves: X-io-4
#[test]
fn reader_finishes_a_dropped_send_of_a_lane() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        socket.answer_message();
        let sending = spawn_with(&writer, move |writer| {
            fill(&writer);
            let mut lane = writer.lane(LaneConfig::new());
            let _ = poll_once(pin!(lane.send(&b"a"[..])));
        });
        let opening = spawn_with(&socket, move |socket| socket.take(usize::MAX));
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        join([sending, opening]);
        assert_eq!(socket.written(), [FILL, &[0x82, 1, b'a']].concat());
        drop(writer);
    });
}

/// The newest message of a lane with `LatestOnly` is sent, and others only if they did not wait.
///
/// Proves: X-io-3
#[test]
fn newest_message_of_a_lane_leaves() {
    model(3, || displace(Overflow::LatestOnly, 1));
}

/// A lane with `DropOldest` sends at least the messages that it has room for.
///
/// Proves: X-io-3
#[test]
fn newest_messages_of_a_lane_leave() {
    model(3, || displace(Overflow::DropOldest, 2));
}

/// Pushes three messages while the socket begins to take bytes. The last `kept` must be sent.
fn displace(overflow: Overflow, kept: usize) {
    let (reader, writer, socket) = split(0);
    fill(&writer);
    let config = LaneConfig::new().overflow(overflow).max_messages(2);
    let mut lane = writer.lane(config);
    let pushing = thread::spawn(move || {
        let mut displaced = 0;
        for message in [b"1", b"2", b"3"] {
            match lane.push(&message[..]).unwrap() {
                Pushed::Queued => {}
                Pushed::Displaced(count) => displaced += count,
            }
        }
        block_on(lane.flush()).unwrap();
        assert_eq!(lane.dropped(), displaced as u64);
        displaced
    });
    socket.take(usize::MAX);
    let displaced: usize = join([pushing]).into_iter().sum();
    assert!(displaced <= 3 - kept, "{displaced}");
    let written = socket.written();
    let left: Vec<_> = written[FILL.len()..].chunks(3).map(|one| one[2]).collect();
    assert_eq!(left.len(), 3 - displaced);
    assert!(left.is_sorted() && left.ends_with(&b"123"[3 - kept..]));
    drop((reader, writer));
}

/// A lane with `Disconnect` overflows while the socket takes nothing more: the connection closes, a call
/// that waits for room in another lane ends, and the reader keeps the deadline.
///
/// Proves: X-io-3
#[test]
fn lane_that_disconnects_wakes_all_tasks() {
    model(1, || {
        let (mut reader, writer, _) = split_in(Clock::leaping(), 0);
        fill(&writer);
        let mut full = writer.lane(LaneConfig::new().max_messages(1));
        let waiting = thread::spawn(move || {
            let fed = block_on(async {
                full.feed(&b"1"[..]).await?;
                full.feed(&b"2"[..]).await
            });
            assert!(fed.unwrap_err().is_closed());
        });
        let config = LaneConfig::new().overflow(Overflow::Disconnect);
        let mut strict = writer.lane(config.max_messages(1));
        let overflowing = thread::spawn(move || {
            strict.push(&b"x"[..]).unwrap();
            assert_eq!(strict.push(&b"y"[..]), Err(SendError::QueueFull));
            assert_eq!(strict.dropped(), 1);
            assert_ne!(writer.state(), State::Open);
        });
        let end = block_on(reader.recv());
        assert!(end.is_err(), "{end:?}");
        join([waiting, overflowing]);
    });
}

/// A direct writer and a full lane wait for each other's turns, without a task that reads: both go on.
#[test]
fn line_and_lane_take_turns() {
    model(3, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let mut lane = writer.lane(LaneConfig::new().max_messages(1));
        let sending = thread::spawn(move || {
            block_on(async {
                lane.feed(&b"a"[..]).await.unwrap();
                lane.send(&b"b"[..]).await.unwrap();
            });
        });
        let feeding = {
            let writer = writer.clone();
            // Exceeds the mark, so that the lanes do not go on, and its writer does not write it.
            thread::spawn(move || block_on(writer.feed(&FILL[2..])).unwrap())
        };
        socket.take(usize::MAX);
        join([sending, feeding]);
        drop((reader, writer));
    });
}

/// The only direct writer that waits is dropped in its turn: the lane goes on without another call.
///
/// Proves: X-io-4
#[test]
fn lane_goes_on_when_the_line_gives_up() {
    model(2, || {
        let (reader, writer, socket) = split(0);
        fill(&writer);
        let mut in_line = Box::pin({
            let writer = writer.clone();
            async move { writer.feed(&b"x"[..]).await }
        });
        assert!(poll_once(in_line.as_mut()).is_pending());
        let mut lane = writer.lane(LaneConfig::new());
        let sending = thread::spawn(move || {
            block_on(async {
                lane.feed(&b"a"[..]).await.unwrap();
                lane.send(&b"b"[..]).await.unwrap();
            });
        });
        let giving_up = thread::spawn(move || drop(in_line));
        socket.take(usize::MAX);
        join([sending]);
        join([giving_up]);
        let messages: [&[u8]; 3] = [FILL, &[0x82, 1, b'a'], &[0x82, 1, b'b']];
        assert_eq!(socket.written(), messages.concat());
        drop((reader, writer));
    });
}

/// An urgent message leaves first, whichever was queued first.
#[test]
fn urgent_message_leaves_first() {
    model(2, || {
        let (mut reader, writer, socket) = split(0);
        fill(&writer);
        socket.answer_message();
        let feeding =
            [(b"u", Priority::Urgent), (b"a", Priority::Normal)].map(|(text, priority)| {
                let mut lane = writer.lane(LaneConfig::new().priority(priority));
                thread::spawn(move || block_on(lane.feed(&text[..])).unwrap())
            });
        join(feeding);
        let reading = thread::spawn(move || block_on(reader.recv()).unwrap());
        socket.take(usize::MAX);
        join([reading]);
        let messages: [&[u8]; 3] = [FILL, &[0x82, 1, b'u'], &[0x82, 1, b'a']];
        assert_eq!(socket.written(), messages.concat());
        drop(writer);
    });
}

/// A message in pieces keeps a lane waiting until it is finished.
#[test]
fn message_lock_keeps_a_lane_out_and_lets_it_in() {
    model(2, || {
        let (reader, writer, socket) = split(usize::MAX);
        let mut lane = writer.lane(LaneConfig::new());
        let sending = thread::spawn(move || block_on(lane.send(&b"w"[..])).unwrap());
        block_on(async {
            let mut message = writer.begin(MessageKind::Binary).await.unwrap();
            message.write(b"p").await.unwrap();
            message.flush().await.unwrap();
            message.finish().await.unwrap();
        });
        join([sending]);
        let (pieces, whole) = ([2, 1, b'p', 0x80, 0], [0x82, 1, b'w']);
        let written = socket.written();
        assert!(
            written == [&pieces[..], &whole].concat() || written == [&whole[..], &pieces].concat(),
            "{written:02x?}"
        );
        drop((reader, writer));
    });
}

/// The pings behind messages of a paced lane, and what the peer answers: a pong, then a message.
const MARKS: [(&[u8], &[u8]); 2] = [
    (b"\x89\x08lane\0\0\0\x01", b"\x8a\x88\0\0\0\0lane\0\0\0\x01"),
    (b"\x89\x08lane\0\0\0\x02", b"\x82\x81\0\0\0\0!"),
];

fn answer_marks(socket: &Socket) {
    for (ping, answer) in MARKS {
        socket.answer(ping, answer);
    }
}

/// A pong comes while the next messages of a paced lane are pushed: the newest leaves, in the push or in
/// the reader's turn. The peer sends a message when it has it.
///
/// Proves: X-io-3
#[test]
fn newest_message_of_a_paced_lane_leaves_with_the_pong() {
    model(3, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        answer_marks(&socket);
        let mut lane = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly).paced(1));
        let pushing = thread::spawn(move || {
            lane.push(&b"a"[..]).unwrap();
            lane.push(&b"b"[..]).unwrap();
            lane // kept: a lane that is dropped is paced no more
        });
        let message = block_on(reader.recv()).unwrap();
        assert_eq!(message, Some(Message::binary(&b"!"[..])));
        let lanes = join([pushing]);
        assert!(lanes.iter().all(|lane| lane.dropped() == 0));
        let messages: [&[u8]; 4] = [&[0x82, 1, b'a'], MARKS[0].0, &[0x82, 1, b'b'], MARKS[1].0];
        assert_eq!(socket.written(), messages.concat());
        drop(writer);
    });
}

/// A pong comes while a sender of a paced lane begins to wait for room and for its message to leave:
/// it is woken, whether the reader is there or was dropped.
///
/// Proves: X-io-3, X-io-4
#[test]
fn sender_of_a_paced_lane_goes_on_with_the_pong() {
    for is_dropped in [false, true] {
        model(2, move || {
            let (mut reader, writer, socket) = split(usize::MAX);
            answer_marks(&socket);
            let mut lane = writer.lane(LaneConfig::new().max_messages(1).paced(1));
            let sending = thread::spawn(move || {
                block_on(async {
                    lane.feed(&b"a"[..]).await.unwrap();
                    lane.send(&b"b"[..]).await.unwrap();
                });
            });
            if is_dropped {
                drop(reader);
            } else {
                let message = block_on(reader.recv()).unwrap();
                assert_eq!(message, Some(Message::binary(&b"!"[..])));
            }
            join([sending]);
            assert!(socket.written().ends_with(MARKS[1].0));
            drop(writer);
        });
    }
}
