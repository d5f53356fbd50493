//! Messages queued in pieces, and limits that change.

use crate::wire::*;
use wskit_proto::{Config, Delivery, MessageKind, ProtocolError, SendError};

/// Proves: R6455-5.4-i, R6455-5.4-a
#[test]
fn piece_is_one_frame_whatever_its_size() {
    for role in ROLES {
        for size in [1, 16 << 10, (16 << 10) + 1, 100_000] {
            let mut end = open(role, Config::new());
            let (mut other, data) = (open(other(role), Config::new()), vec![7; size]);
            end.outbox().begin(MessageKind::Binary).unwrap();
            end.outbox().piece(&data, false).unwrap();
            end.outbox().piece(&data, true).unwrap();
            let wire = end.take_output();
            let first = take_frame(&wire).3;
            let second = take_frame(&wire[first..]).3;
            assert_eq!((wire[0], wire[first]), (BINARY, FIN | CONTINUATION));
            assert_eq!(first + second, wire.len(), "{size}");
            assert_eq!(feed(&mut other, &wire), [Got::Binary(data.repeat(2))]);
        }
        let mut end = open(role, Config::new().fragment_size(1000.try_into().ok()));
        end.outbox().begin(MessageKind::Binary).unwrap();
        end.outbox().piece(&[7; 2500], true).unwrap();
        let wire = end.take_output();
        let second = take_frame(&wire).3;
        let third = second + take_frame(&wire[second..]).3;
        assert_eq!(
            (wire[0], wire[second], wire[third]),
            (BINARY, CONTINUATION, FIN)
        );
    }
}

#[test]
fn end_of_a_message_is_taken_by_a_full_queue() {
    for role in ROLES {
        let mut end = open(role, Config::new().write_queue_limit(1000));
        end.outbox().begin(MessageKind::Text).unwrap();
        end.outbox().piece(&[b'a'; 2000], false).unwrap();
        assert_eq!(end.outbox().piece(b"b", false), Err(SendError::QueueFull));
        assert_eq!(end.outbox().piece(b"b", true), Err(SendError::QueueFull));
        end.outbox().piece(b"", true).unwrap();
        assert_eq!(end.outbox().feed("next"), Err(SendError::QueueFull));
        let wire = end.take_output();
        let mut other = open(other(role), Config::new());
        assert_eq!(feed(&mut other, &wire), [text(&"a".repeat(2000))]);
    }
}

/// Proves: R6455-10.4-b
#[test]
fn limits_change_with_the_next_frame() {
    for role in ROLES {
        let mut end = open(role, Config::new().max_message_size(10).max_fragments(2));
        let mut limits = Config::new().get_limits();
        (limits.max_message_size, limits.max_fragments) = (20, 4);
        assert_eq!(feed(&mut end, &to(role, TEXT, b"ten bytes.")), []);
        end.set_limits(limits);
        assert_eq!(feed(&mut end, &to(role, CONTINUATION, b"")), []);
        assert_eq!(feed(&mut end, &to(role, CONTINUATION, b"more bytes")), []);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"")),
            [text("ten bytes.more bytes")]
        );
        assert_eq!(
            feed(&mut end, &to(role, FIN | TEXT, &[b'x'; 20])),
            [text(&"x".repeat(20))]
        );
        limits.max_message_size = 5;
        end.set_limits(limits);
        assert_eq!(
            feed(&mut end, &to(role, FIN | TEXT, b"small")),
            [text("small")]
        );
        assert_eq!(
            feed(&mut end, &to(role, FIN | TEXT, b"larger")),
            [Got::Error(ProtocolError::MessageTooBig { limit: 5 })]
        );
    }
}

/// Without limits, a message in pieces may exceed 32 bits of length.
#[cfg(target_pointer_width = "64")]
#[test]
fn pieces_without_limits_have_any_size() {
    let mut end = open(wskit_proto::Role::Client, Config::new());
    end.set_delivery(Delivery::Pieces);
    let mut limits = Config::new().get_limits();
    limits.max_message_size = usize::MAX;
    end.set_limits(limits);
    let head = header(FIN | BINARY, None, u64::from(u32::MAX) * 5);
    assert_eq!(feed(&mut end, &head), []);
    assert!(matches!(
        feed(&mut end, b"a")[..],
        [Got::Piece {
            first: true,
            last: false,
            ..
        }]
    ));
}
