//! Messages handed out in pieces as they come.

use crate::wire::*;
use wskit_proto::{Config, Delivery};

fn piece(first: bool, last: bool, data: &[u8]) -> Got {
    Got::Piece {
        text: true,
        first,
        last,
        data: data.to_vec(),
    }
}

/// Proves: R6455-5.4-k
#[test]
fn pieces_come_even_inside_a_frame() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.set_delivery(Delivery::Pieces);
        let frame = to(role, FIN | TEXT, b"Hello, world");
        let cut = frame.len() - 5;
        assert_eq!(
            feed(&mut end, &frame[..cut]),
            [piece(true, false, b"Hello, ")]
        );
        assert_eq!(
            feed(&mut end, &frame[cut..]),
            [piece(false, true, b"world")]
        );
        assert_eq!(feed(&mut end, &frame), [piece(true, true, b"Hello, world")]);
    }
}

/// Proves: R6455-5.4-f
#[test]
fn empty_fragments_make_no_pieces_but_the_last() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.set_delivery(Delivery::Pieces);
        assert_eq!(feed(&mut end, &to(role, TEXT, b"")), []);
        assert_eq!(
            feed(&mut end, &to(role, CONTINUATION, b"a")),
            [piece(true, false, b"a")]
        );
        assert_eq!(feed(&mut end, &to(role, CONTINUATION, b"")), []);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"")),
            [piece(false, true, b"")]
        );
        assert_eq!(
            feed(&mut end, &to(role, FIN | TEXT, b"")),
            [piece(true, true, b"")]
        );
    }
}

/// Proves: R6455-5.4-k
#[test]
fn delivery_changes_with_the_next_message() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(feed(&mut end, &to(role, TEXT, b"a")), []);
        end.set_delivery(Delivery::Pieces);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"b")),
            [text("ab")],
            "this one began whole"
        );
        assert_eq!(
            feed(&mut end, &to(role, TEXT, b"c")),
            [piece(true, false, b"c")]
        );
        end.set_delivery(Delivery::Whole);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"d")),
            [piece(false, true, b"d")],
            "this one began in pieces"
        );
        assert_eq!(feed(&mut end, &to(role, FIN | TEXT, b"e")), [text("e")]);
    }
}

/// Proves: R6455-5.4-e
#[test]
fn control_frames_come_between_pieces() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.set_delivery(Delivery::Pieces);
        let session = [
            to(role, TEXT, b"a"),
            to(role, FIN | PING, b"?"),
            to(role, FIN, b"b"),
        ]
        .concat();
        let expected = [
            piece(true, false, b"a"),
            Got::Ping(b"?".to_vec()),
            piece(false, true, b"b"),
        ];
        assert_eq!(feed(&mut end, &session), expected);
    }
}

/// Proves: X-mem-1
#[test]
fn large_message_in_pieces_holds_the_read_buffer_only() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.set_delivery(Delivery::Pieces);
        let payload: Vec<u8> = (0..1 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
        let frame = to(role, FIN | 2, &payload);
        let (mut joined, mut most) = (Vec::new(), 0);
        for chunk in frame.chunks(9000) {
            for got in feed(&mut end, chunk) {
                let Got::Piece { data, .. } = got else {
                    panic!("{got:?}")
                };
                joined.extend(data);
            }
            most = most.max(end.buffer_bytes());
        }
        assert_eq!(joined, payload);
        assert!(most <= 32 << 10, "{most}");
    }
}

#[test]
fn fast_path_hands_out_a_piece_where_pieces_are_asked_for() {
    let mut server = server();
    server.set_delivery(Delivery::Pieces);
    assert_eq!(server.receive(&masked(FIN | TEXT, b"whole")), 11);
    assert!(matches!(
        poll(&mut server)[..],
        [Got::Piece {
            first: true,
            last: true,
            ..
        }]
    ));
}
