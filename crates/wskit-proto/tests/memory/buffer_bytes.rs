//! What `buffer_bytes` counts: borrowed buffers, queued payloads, queued replies; and messages that
//! are kept.

use crate::wire::*;
use bytes::Bytes;
use std::time::Instant;
use wskit_proto::{Config, Event, Message, Role};

/// Nothing while idle, the queued bytes while they wait, then nothing again.
///
/// Proves: X-io-3
#[test]
fn connection_counts_what_waits() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(end.buffer_bytes(), 0, "an idle connection holds nothing");
        let big = vec![1; 50_000];
        end.feed(Bytes::from(big.clone())).unwrap();
        let one = end.buffer_bytes();
        assert!(one >= 50_000, "{one}");
        end.feed(big.clone()).unwrap();
        end.feed("small").unwrap();
        end.feed(&big).unwrap();
        let three = end.buffer_bytes();
        assert!(three >= 150_000, "{three}");
        assert!(three < 150_000 + (1 << 18), "{three}");
        assert_eq!(sent(&mut end).len(), 4);
        assert!(end.buffer_bytes() <= 1024, "{}", end.buffer_bytes());

        let before = end.buffer_bytes();
        feed(&mut end, &to(role, FIN | PING, &[7; 125]));
        let answer = end.buffer_bytes();
        assert!(answer > before, "an answer waits");
        assert_eq!(sent(&mut end), [(FIN | PONG, vec![7; 125])]);
    }
}

/// A lent message that is kept: text as text, binary as bytes; small ones are copied out of the
/// shared buffer, large ones keep their buffer.
#[test]
fn lent_messages_become_ones_own() {
    for len in [0, 5, 300, 100_000] {
        let mut end = open(Role::Client, Config::new());
        for (first, expected) in [
            (TEXT, Message::text("x".repeat(len))),
            (BINARY, Message::Binary(vec![b'x'; len].into())),
        ] {
            let bytes = unmasked(FIN | first, &vec![b'x'; len]);
            let mut rest = &bytes[..];
            let mut got = Vec::new();
            while !rest.is_empty() {
                let taken = end.receive(rest);
                rest = &rest[taken..];
                while let Some(event) = end.poll_event(Instant::now()).unwrap() {
                    let Event::Message(message) = event else {
                        panic!("{event:?}")
                    };
                    assert_eq!(message.is_empty(), len == 0);
                    got.push(Message::from(message));
                }
            }
            assert!(got == [expected], "{len}");
        }
    }
}
