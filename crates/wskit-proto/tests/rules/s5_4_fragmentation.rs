//! RFC 6455 §5.4: messages in several frames.

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::{Config, MessageKind, ProtocolError, SendError};

/// Proves: R6455-5.4-b
#[test]
fn continuation_without_a_message_fails_the_connection() {
    for role in ROLES {
        let done = [to(role, TEXT, b"a"), to(role, FIN, b"b")].concat();
        for before in [vec![], done, to(role, FIN | BINARY, b"x")] {
            for first in [FIN, CONTINUATION] {
                let mut end = open(role, Config::new());
                feed(&mut end, &before);
                let error = Got::Error(ProtocolError::UnexpectedContinuation);
                assert_eq!(feed(&mut end, &to(role, first, b"")), [error]);
                assert_failed_with(&mut end, 1002);
            }
        }
    }
}

/// Proves: R6455-5.4-c, R6455-5.4-g
#[test]
fn message_inside_a_message_fails_the_connection() {
    for role in ROLES {
        for first in [TEXT, FIN | TEXT, BINARY, FIN | BINARY] {
            let mut end = open(role, Config::new());
            assert_eq!(feed(&mut end, &to(role, BINARY, b"a")), []);
            assert_eq!(
                feed(&mut end, &to(role, first, b"b")),
                [Got::Error(ProtocolError::ExpectedContinuation {
                    begun: if first & 3 == TEXT {
                        MessageKind::Text
                    } else {
                        MessageKind::Binary
                    }
                })]
            );
            assert_failed_with(&mut end, 1002);
        }
    }
}

/// Proves: R6455-5.4-e, R6455-6.2-b, R6455-5.5.2-a
#[test]
fn control_frames_between_fragments_are_handled_there() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(feed(&mut end, &to(role, TEXT, b"Hel")), []);
        assert_eq!(
            feed(&mut end, &to(role, FIN | PING, b"now")),
            [Got::Ping(b"now".to_vec())]
        );
        assert_eq!(
            sent(&mut end),
            [(FIN | PONG, b"now".to_vec())],
            "answered before the message ends"
        );
        assert_eq!(
            feed(&mut end, &to(role, FIN | PONG, b"")),
            [Got::Pong(vec![])]
        );
        assert_eq!(feed(&mut end, &to(role, FIN, b"lo")), [text("Hello")]);
    }
}

/// Proves: R6455-5.4-e
#[test]
fn close_between_fragments_drops_the_partial_message() {
    for role in ROLES {
        let session = [
            to(role, TEXT, b"Hel"),
            close_to(role, 1000),
            to(role, FIN, b"lo"),
        ]
        .concat();
        assert_eq!(
            feed(&mut open(role, Config::new()), &session),
            [close(1000)]
        );
    }
}

/// Proves: R6455-5.4-g
#[test]
fn sender_refuses_a_message_inside_a_streamed_one() {
    let mut server = server();
    assert_eq!(
        server.outbox().piece(b"x", true),
        Err(SendError::NoMessageOpen)
    );
    server.outbox().begin(MessageKind::Text).unwrap();
    assert_eq!(server.feed("no"), Err(SendError::MessageOpen));
    assert_eq!(server.feed(vec![0; 20_000]), Err(SendError::MessageOpen));
    assert_eq!(
        server.outbox().begin(MessageKind::Binary),
        Err(SendError::MessageOpen)
    );
    server.outbox().piece(b"a", false).unwrap();
    assert_eq!(server.feed("no"), Err(SendError::MessageOpen));
    server.outbox().piece(b"b", true).unwrap();
    assert_eq!(
        server.outbox().piece(b"x", true),
        Err(SendError::NoMessageOpen)
    );
    server.feed("yes").unwrap();
    let expected = [
        (TEXT, b"a".to_vec()),
        (FIN, b"b".to_vec()),
        (FIN | TEXT, b"yes".to_vec()),
    ];
    assert_eq!(sent(&mut server), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Proves: R6455-5.4-a, R6455-5.4-f, R6455-5.4-h, R6455-5.4-j, R6455-5.4-k, R6455-6.2-c
    #[test]
    fn any_fragmentation_gives_the_same_message(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..12),
        pings in any::<u16>(),
        as_server in any::<bool>(),
    ) {
        let role = ROLES[usize::from(as_server)];
        let mut session = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            if pings >> i & 1 == 1 {
                session.extend(to(role, FIN | PING, b"?"));
            }
            let opcode = if i == 0 { BINARY } else { CONTINUATION };
            let fin = if i + 1 == pieces.len() { FIN } else { 0 };
            session.extend(to(role, fin | opcode, piece));
        }
        session.extend(to(role, FIN | TEXT, b"next"));
        let mut got = feed(&mut open(role, Config::new()), &session);
        got.retain(|got| !matches!(got, Got::Ping(_)));
        prop_assert_eq!(got, [Got::Binary(pieces.concat()), text("next")]);
    }
}
