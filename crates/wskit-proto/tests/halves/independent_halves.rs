//! A connection in two halves, as a driver holds it that reads and writes in different tasks.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::wire::*;
use bytes::Bytes;
use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Delivery, Ending, Event, Inbound, Message, MessageKind,
    Outbound, Outgoing, PreparedMessage, QueuedMessage, Role, SendError, Span, State,
};

fn halves(config: Config) -> (Inbound, Outbound) {
    open(Role::Server, config).split()
}

fn give(inbound: &mut Inbound, bytes: &[u8]) {
    assert_eq!(inbound.receive(bytes), bytes.len());
}

fn next(inbound: &mut Inbound, outbox: &mut Outbound) -> Option<Event<Span, Span>> {
    inbound.next(outbox, Instant::now).unwrap()
}

/// Takes all queued bytes.
fn written(outbox: &mut Outbound) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !outbox.is_empty() {
        let n = outbox.chunk().len();
        bytes.extend(outbox.chunk());
        outbox.advance(n);
    }
    bytes
}

#[test]
fn plain_messages_need_no_outbox() {
    let (mut inbound, mut outbox) = halves(Config::new());
    assert!(inbound.has_no_input() && !inbound.is_mid_message());
    let session = [
        masked(FIN | TEXT, b"one"),
        masked(FIN | BINARY, b"two"),
        masked(FIN | TEXT, b""),
        masked(FIN | PING, b"!"),
    ]
    .concat();
    give(&mut inbound, &session);
    assert!(!inbound.has_no_input());
    let span = inbound.next_fast().expect("the first");
    let message = inbound.fast_message(span);
    assert_eq!(
        (message.kind(), message.as_text()),
        (MessageKind::Text, Some("one"))
    );
    let Some(Event::Message(span)) = inbound.next_fast_event() else {
        panic!("the second");
    };
    let message = inbound.fast_message(span);
    assert_eq!(
        (message.kind(), message.as_bytes()),
        (MessageKind::Binary, &b"two"[..])
    );
    let span = inbound.next_fast().expect("an empty one is one too");
    assert_eq!(inbound.fast_message(span).as_text(), Some(""));
    assert!(inbound.next_fast().is_none(), "the fast path takes no ping");
    assert!(inbound.next_fast_event().is_none());
    assert!(!inbound.has_no_input(), "it waits to be looked at");
    assert!(matches!(
        next(&mut inbound, &mut outbox),
        Some(Event::Ping(_))
    ));
    assert_eq!(written(&mut outbox), unmasked(FIN | PONG, b"!"));
    assert!(next(&mut inbound, &mut outbox).is_none());
}

#[test]
fn text_kept_past_the_next_read_is_empty() {
    let (mut inbound, mut outbox) = halves(Config::new());
    give(&mut inbound, &masked(FIN | TEXT, b"one"));
    let span = inbound.next_fast().unwrap();
    give(&mut inbound, &masked(FIN | TEXT, b"\xff\xff\xff"));
    assert_eq!(inbound.fast_message(span).as_text(), Some(""));
    assert_eq!(inbound.message(span).as_text(), Some(""));
    assert!(inbound.next(&mut outbox, Instant::now).is_err());
}

#[test]
fn beginning_of_a_message_is_told_from_none() {
    let (mut inbound, mut outbox) = halves(Config::new());
    let frame = masked(FIN | TEXT, b"hello");
    for (at, byte) in frame.iter().enumerate() {
        assert_eq!(inbound.is_mid_message(), at > 0, "after {at} bytes");
        assert_eq!(inbound.receive(&[*byte]), 1);
        assert_eq!(
            next(&mut inbound, &mut outbox).is_some(),
            at + 1 == frame.len()
        );
    }
    assert!(!inbound.is_mid_message());
    give(&mut inbound, &masked(TEXT, b"part"));
    assert!(next(&mut inbound, &mut outbox).is_none());
    assert!(inbound.is_mid_message(), "between two fragments");
}

#[test]
fn pieces_say_where_they_stand() {
    let (mut inbound, mut outbox) = halves(Config::new());
    inbound.set_delivery(Delivery::Pieces);
    let session = [
        masked(TEXT, b"be"),
        masked(FIN | CONTINUATION, b"gun"),
        masked(FIN | BINARY, b"x"),
    ];
    give(&mut inbound, &session.concat());
    let mut seen = Vec::new();
    while let Some(ready) = next(&mut inbound, &mut outbox) {
        let Event::Piece(piece) = ready else {
            panic!("{ready:?}");
        };
        let bytes = inbound.piece(piece).data.to_vec();
        seen.push((piece.kind(), piece.is_first(), piece.is_last(), bytes));
    }
    assert_eq!(
        seen,
        [
            (MessageKind::Text, true, false, b"be".to_vec()),
            (MessageKind::Text, false, true, b"gun".to_vec()),
            (MessageKind::Binary, true, true, b"x".to_vec()),
        ]
    );
}

/// Asking for whole messages inside a message does not return its rest as if it were all. If no
/// piece of it has been handed out yet, it is returned whole.
#[test]
fn message_is_put_together_unless_a_piece_of_it_is_gone() {
    for gone in [false, true] {
        let (mut inbound, mut outbox) = halves(Config::new());
        inbound.set_delivery(Delivery::Pieces);
        assert_eq!(inbound.delivery(), Delivery::Pieces);
        give(&mut inbound, &masked(TEXT, if gone { b"be" } else { b"" }));
        assert_eq!(next(&mut inbound, &mut outbox).is_some(), gone);
        inbound.set_delivery(Delivery::Whole);
        give(&mut inbound, &masked(CONTINUATION, b"gu"));
        give(&mut inbound, &masked(FIN | CONTINUATION, b"n"));
        match next(&mut inbound, &mut outbox) {
            Some(Event::Message(span)) if !gone => {
                assert_eq!(inbound.message(span).as_text(), Some("gun"));
            }
            Some(Event::Piece(piece)) if gone => {
                assert_eq!(inbound.piece(piece).data, b"gu");
                assert!(!piece.is_first());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn message_that_was_begun_whole_stays_whole() {
    let (mut inbound, mut outbox) = halves(Config::new());
    give(&mut inbound, &masked(TEXT, b"be"));
    assert!(next(&mut inbound, &mut outbox).is_none());
    inbound.set_delivery(Delivery::Pieces);
    give(&mut inbound, &masked(FIN | CONTINUATION, b"gun"));
    let mut text: Vec<u8> = Vec::new();
    while let Some(ready) = next(&mut inbound, &mut outbox) {
        match ready {
            Event::Message(span) => text.extend(inbound.message(span).as_bytes()),
            Event::Piece(piece) => text.extend(inbound.piece(piece).data),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(text, b"begun");
}

#[test]
fn stopped_half_reads_no_more() {
    let (mut inbound, mut outbox) = halves(Config::new());
    give(&mut inbound, &masked(FIN | TEXT, b"before"));
    inbound.stop();
    assert!(next(&mut inbound, &mut outbox).is_none());
    assert_eq!(written(&mut outbox), b"", "and answers nothing");
}

#[test]
fn settings_reach_both_halves() {
    let config = Config::new()
        .max_message_size(7)
        .close_timeout(Duration::from_secs(3));
    let (inbound, outbox) = halves(config);
    assert_eq!(inbound.limits().max_message_size, 7);
    assert_eq!(outbox.close_timeout(), Duration::from_secs(3));
    assert_eq!(outbox.role(), Role::Server);
}

#[test]
fn room_is_counted_to_the_byte() {
    let (_, mut outbox) = halves(Config::new().write_high_water(100).write_queue_limit(150));
    outbox.feed([0; 98]).unwrap(); // 100 with its header
    assert_eq!(outbox.queued(), 100);
    assert!(outbox.is_over_high_water() && !outbox.has_room(0));
    assert!(outbox.is_over_high_water_beyond(0) && !outbox.is_over_high_water_beyond(1));
    assert!(outbox.only_chunk().is_some());
    outbox.advance(1);
    assert!(!outbox.is_over_high_water() && outbox.has_room(0) && !outbox.has_room(1));
    outbox.feed([0; 98]).unwrap();
    assert_eq!(outbox.check(), Err(SendError::QueueFull));
    assert_eq!(outbox.feed("x"), Err(SendError::QueueFull));
    outbox.feed_reserved("x").unwrap();
    assert_eq!(outbox.queued(), 202);
    outbox.close(None).unwrap();
    assert_eq!(outbox.check(), Err(SendError::Closed));
    assert_eq!(outbox.feed_reserved("x"), Err(SendError::Closed));
}

#[test]
fn control_frame_goes_between_two_frames_only() {
    // However the bytes are cut, the pong stands behind the frame that was begun.
    for first in 0..12 {
        let (_, mut outbox) = halves(Config::new());
        outbox.feed("one").unwrap();
        outbox.feed("two").unwrap();
        let mut out = outbox.chunk()[..first.min(outbox.chunk().len())].to_vec();
        outbox.advance(out.len());
        outbox.ping(b"?").unwrap();
        assert!(outbox.only_chunk().is_none());
        while !outbox.is_empty() {
            // One byte at a time: the ping itself is cut too, and data waits behind it.
            out.push(outbox.chunk()[0]);
            outbox.advance(1);
        }
        let at = first.min(10).div_ceil(5);
        let mut expected = vec![unmasked(FIN | TEXT, b"one"), unmasked(FIN | TEXT, b"two")];
        expected.insert(at, unmasked(FIN | PING, b"?"));
        assert_eq!(out, expected.concat(), "{first} bytes first");
    }
}

/// A pong that is queued when the Close comes need not be sent; one that is partly on the wire must
/// be.
#[test]
fn pong_that_is_partly_written_is_finished_before_the_close() {
    let pong = unmasked(FIN | PONG, b"?");
    let close = unmasked(FIN | CLOSE, &close_body(1000, ""));
    for first in 0..=pong.len() {
        let (mut inbound, mut outbox) = halves(Config::new());
        give(&mut inbound, &masked(FIN | PING, b"?"));
        assert!(next(&mut inbound, &mut outbox).is_some());
        let mut out = outbox.chunk()[..first].to_vec();
        outbox.advance(first);
        give(&mut inbound, &close_to(Role::Server, 1000));
        assert!(next(&mut inbound, &mut outbox).is_some());
        out.extend(written(&mut outbox));
        let expected = if first == 0 {
            close.clone()
        } else {
            [pong.clone(), close.clone()].concat()
        };
        assert_eq!(out, expected, "{first} bytes first");
    }
}

#[test]
fn failed_write_is_no_failure_once_the_close_is_out() {
    let (mut inbound, mut outbox) = halves(Config::new());
    outbox
        .close(Some(CloseFrame::new(CloseCode::NORMAL, "")))
        .unwrap();
    assert!(!written(&mut outbox).is_empty());
    give(&mut inbound, &masked(FIN | PING, b"?"));
    assert!(next(&mut inbound, &mut outbox).is_some());
    assert!(
        !outbox.write_failed(ErrorKind::BrokenPipe),
        "only a pong is lost"
    );
    assert!(outbox.is_empty());
    give(&mut inbound, &close_to(Role::Server, 1000));
    assert!(matches!(
        next(&mut inbound, &mut outbox),
        Some(Event::Close(_))
    ));
    outbox.transport_shut_down();
    assert_eq!(outbox.ending(), Ending::Done);
    assert!(outbox.outcome().unwrap().is_clean());
}

#[test]
fn failed_write_before_the_close_is_out_ends_the_sending_only() {
    for close in [false, true] {
        let (mut inbound, mut outbox) = halves(Config::new());
        give(&mut inbound, &masked(FIN | BINARY, b"kept"));
        give(&mut inbound, &close_to(Role::Server, 1008));
        outbox.feed("lost").unwrap();
        if close {
            outbox.close(None).unwrap();
        }
        assert!(outbox.write_failed(ErrorKind::BrokenPipe));
        assert!(outbox.is_empty(), "nothing more can leave");
        assert_eq!(outbox.feed("late"), Err(SendError::Closed));
        assert_eq!(
            (outbox.state(), outbox.ending()),
            (State::Closing, Ending::NotYet)
        );
        let Some(Event::Message(span)) = next(&mut inbound, &mut outbox) else {
            panic!("what had come before is still a message");
        };
        assert_eq!(inbound.message(span).as_bytes(), b"kept");
        assert!(matches!(
            next(&mut inbound, &mut outbox),
            Some(Event::Close(_))
        ));
        assert!(outbox.is_empty(), "the Close cannot be answered");
        let outcome = outbox.outcome().unwrap();
        assert_eq!(outcome.cause, Cause::Transport(ErrorKind::BrokenPipe));
        assert_eq!(outcome.code().get(), 1008);
    }
}

/// A ping that comes then is not answered, and another failure changes nothing: the peer's Close is
/// still awaited.
#[test]
fn ping_behind_a_failed_write_does_not_end_the_reading() {
    let (mut inbound, mut outbox) = halves(Config::new());
    outbox.feed("lost").unwrap();
    assert!(outbox.write_failed(ErrorKind::BrokenPipe));
    outbox.transport_shut_down();
    give(&mut inbound, &masked(FIN | PING, b"?"));
    assert!(matches!(
        next(&mut inbound, &mut outbox),
        Some(Event::Ping(_))
    ));
    assert!(outbox.is_empty(), "no answer can leave");
    outbox.write_failed(ErrorKind::ConnectionReset);
    assert_eq!(outbox.state(), State::Closing);
    give(&mut inbound, &close_to(Role::Server, 1008));
    assert!(matches!(
        next(&mut inbound, &mut outbox),
        Some(Event::Close(_))
    ));
    let outcome = outbox.outcome().unwrap();
    assert_eq!(outcome.cause, Cause::Transport(ErrorKind::BrokenPipe));
    assert_eq!(outcome.code().get(), 1008);
}

/// Without a Close of the peer, the end of its stream or the close deadline ends the connection.
#[test]
fn failed_write_is_followed_by_reading_until_the_end_of_the_stream_or_the_deadline() {
    for eof in [false, true] {
        let now = Instant::now();
        let (mut inbound, mut outbox) = halves(Config::new());
        outbox.feed("lost").unwrap();
        assert!(outbox.write_failed(ErrorKind::BrokenPipe));
        if eof {
            inbound.receive_eof(&mut outbox);
        } else {
            let deadline = inbound.next_timeout(outbox.state(), || now).unwrap();
            assert!(deadline - now >= outbox.close_timeout());
            inbound.handle_timeout(&mut outbox, deadline).unwrap_err();
        }
        assert_eq!(outbox.ending(), Ending::Done);
        let cause = outbox.outcome().unwrap().cause;
        assert_eq!(cause, Cause::Transport(ErrorKind::BrokenPipe));
    }
}

/// The owner of a payload may run code when it is dropped.
#[test]
fn shared_payloads_that_are_done_with_are_kept_until_they_are_taken() {
    for size in [1, 100, 20_000] {
        let payload = Bytes::from(vec![7; size]);
        let (_, mut outbox) = halves(Config::new());
        outbox.keep_spent();
        outbox.feed(payload.clone()).unwrap();
        outbox.feed(payload.clone()).unwrap();
        let written = written(&mut outbox);
        assert!(written.len() > 2 * size);
        assert!(!payload.is_unique(), "{size}");
        assert_eq!(outbox.take_spent().len(), 2, "{size}");
        assert!(payload.is_unique(), "{size}");
        outbox.feed(payload.clone()).unwrap();
        outbox.transport_failed(ErrorKind::BrokenPipe);
        assert_eq!(outbox.take_spent().len(), 1, "{size}");
        assert!(outbox.take_spent().is_empty());
    }
}

/// Nothing is lost only if our Close has been written and the connection is not over.
#[test]
fn failed_write_is_a_failure_without_a_close_and_after_the_end() {
    let (_, mut outbox) = halves(Config::new());
    outbox.transport_shut_down();
    assert!(outbox.write_failed(ErrorKind::BrokenPipe));
    let cause = outbox.outcome().unwrap().cause;
    assert_eq!(cause, Cause::Transport(ErrorKind::BrokenPipe));

    let (_, mut outbox) = halves(Config::new());
    outbox.close(None).unwrap();
    assert!(!written(&mut outbox).is_empty());
    outbox.transport_failed(ErrorKind::ConnectionReset);
    assert!(outbox.write_failed(ErrorKind::BrokenPipe));
    let cause = outbox.outcome().unwrap().cause;
    assert_eq!(cause, Cause::Transport(ErrorKind::ConnectionReset));
}

/// The writing half knows of the failure, the reading half does not yet.
#[test]
fn ping_is_not_answered_once_the_transport_has_failed() {
    let (mut inbound, mut outbox) = halves(Config::new());
    give(&mut inbound, &masked(FIN | PING, b"?"));
    outbox.transport_failed(ErrorKind::BrokenPipe);
    assert!(matches!(
        next(&mut inbound, &mut outbox),
        Some(Event::Ping(_))
    ));
    assert!(outbox.is_empty(), "nothing more can leave");
    assert_eq!(outbox.buffer_bytes(), 0);
}

#[test]
fn message_kept_for_later_is_the_message() {
    let prepared = PreparedMessage::text("hi");
    let bytes = b"hi".to_vec();
    let text = [
        Outgoing::from("hi"),
        Outgoing::from("hi".to_owned()),
        Outgoing::from(Message::text("hi")),
        Outgoing::from(&prepared),
    ];
    let binary = [Outgoing::from(&bytes), Outgoing::from(bytes.clone())];
    let all = text
        .into_iter()
        .map(|message| (FIN | TEXT, message))
        .chain(binary.into_iter().map(|message| (FIN | BINARY, message)));
    for (first, message) in all {
        let mut later = QueuedMessage::from(message);
        assert_eq!((later.len(), later.is_empty()), (2, false));
        let (_, mut outbox) = halves(Config::new());
        outbox.feed(later.outgoing()).unwrap();
        assert_eq!(written(&mut outbox), unmasked(first, b"hi"));
    }
    assert!(QueuedMessage::from(Outgoing::from("")).is_empty());
}

/// What `feed_copied` queues is what `feed` would, and what it leaves alone is large, borrowed, or not to be queued.
#[test]
fn copied_messages_leave_as_fed_ones_do() {
    for role in [Role::Server, Role::Client] {
        for len in [0, 5, 126, 8 << 10, 20 << 10] {
            let payload = Bytes::from(vec![b'x'; len]);
            let (_, mut fed) = open(role, Config::new()).split();
            let (_, mut copied) = open(role, Config::new()).split();
            fed.feed(payload.clone()).unwrap();
            let message = Outgoing::from(payload.clone());
            let is_small = len <= 8 << 10;
            assert_eq!(copied.feed_copied(&message), is_small, "{role:?}, {len}");
            assert!(!copied.feed_copied(&Outgoing::from(&*payload)), "borrowed");
            if is_small {
                assert_eq!(copied.queued(), fed.queued(), "{role:?}, {len}");
                let (copied, fed) = (written(&mut copied), written(&mut fed));
                if role == Role::Server {
                    assert_eq!(copied, fed, "{len}");
                }
            } else {
                assert!(copied.is_empty());
            }
        }
        let late = Outgoing::from(Bytes::from_static(b"late"));
        let (_, mut within) = open(role, Config::new()).split();
        within.begin(MessageKind::Text).unwrap();
        assert!(!within.feed_copied(&late), "inside a message");
        assert!(within.is_empty());
        let (_, mut closing) = open(role, Config::new()).split();
        closing.close(None).unwrap();
        let queued = closing.queued();
        assert!(!closing.feed_copied(&late), "after a Close");
        assert_eq!(closing.queued(), queued);
    }
}
