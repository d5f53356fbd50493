//! RFC 7692 §6: where compression was agreed on, the sender decides for each message, streamed ones
//! included.

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, Connection, MessageKind, Role, SendError};

const RSV1: u8 = 0x40;

fn compressed(role: Role) -> Connection {
    let side = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    let eager = deflate::Config::server()
        .threshold(0)
        .threshold_without_takeover(0);
    open(role, Config::new()).with_deflate(Params::new(side, Window::FULL, Window::FULL), &eager)
}

/// Proves: R7692-6-d, R7692-8-a
#[test]
fn message_in_pieces_goes_as_it_is_if_asked() {
    let pieces = ["a secret, ", "", "a secret, ", "a secret"];
    for role in ROLES {
        let mut end = compressed(role);
        let mut peer = compressed(other(role));
        for compress in [true, false, true, false] {
            let outbox = end.outbox();
            if compress {
                outbox.begin(MessageKind::Text).unwrap();
            } else {
                outbox.begin_uncompressed(MessageKind::Text).unwrap();
            }
            assert_eq!(
                outbox.begin_uncompressed(MessageKind::Text),
                Err(SendError::MessageOpen),
                "one at a time"
            );
            for (at, piece) in pieces.iter().enumerate() {
                outbox.piece(piece.as_bytes(), at == 3).unwrap();
            }
            let wire = end.take_output();
            let sent = frames(&wire);
            let (first, rest) = sent.split_first().unwrap();
            assert_eq!(first.0 & RSV1 != 0, compress, "the first frame says which");
            assert!(rest.iter().all(|(first, _)| first & RSV1 == 0));
            if !compress {
                let payloads: Vec<_> = sent.iter().map(|(_, payload)| payload.clone()).collect();
                assert_eq!(payloads, pieces.map(|piece| piece.as_bytes().to_vec()));
            }
            assert_eq!(feed(&mut peer, &wire), [text(&pieces.concat())]);
        }
    }
}

/// Text is checked with and without compression; where none was agreed on, both calls do the same.
///
/// Proves: R6455-5.6-a
#[test]
fn uncompressed_pieces_of_text_are_checked() {
    for mut end in [compressed(Role::Server), open(Role::Server, Config::new())] {
        let outbox = end.outbox();
        outbox.begin_uncompressed(MessageKind::Text).unwrap();
        outbox.piece(b"\xc3", false).unwrap();
        assert_eq!(outbox.piece(b"x", false), Err(SendError::InvalidUtf8));
        outbox.piece(b"\xa9", true).unwrap();
        assert_eq!(
            sent(&mut end),
            [(TEXT, vec![0xc3]), (FIN | CONTINUATION, vec![0xa9])]
        );
    }
}
