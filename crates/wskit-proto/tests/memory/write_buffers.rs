//! The memory of queued bytes: what is shared, kept, given back and counted.

use std::io::{ErrorKind, IoSlice};

use crate::wire::*;
use bytes::Bytes;
use wskit_proto::{Config, Connection, Role};
use wskit_test::alloc::{calls, rise};

/// The buffer for headers and small payloads.
const BUFFER: usize = 65 << 10;
/// The largest payload that is copied there, and its frame as a server sends it.
const COPIED: usize = 16 << 10;
const FRAME: usize = COPIED + 4;
/// A payload of that size, which is copied because it is only lent.
const LENT: &[u8] = &[7; COPIED];

#[test]
fn small_messages_share_one_buffer() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        for n in 0..500 {
            end.feed(vec![7; 100]).unwrap();
            assert!(end.outbound().only_chunk().is_some(), "{role:?}, {n}");
        }
        assert_eq!(end.buffer_bytes(), BUFFER, "{role:?}");
        assert_eq!(sent(&mut end).len(), 500);
    }
}

/// Near the end of a buffer, a frame goes to the next one as a whole.
///
/// Proves: R6455-6.1-b
#[test]
fn frame_is_queued_however_full_the_buffer_is() {
    for role in ROLES {
        for left in 0..64 {
            let mut end = open(role, Config::new());
            for len in [1000, COPIED, COPIED, COPIED] {
                end.feed(&*vec![7; len]).unwrap();
            }
            let header = to(other(role), FIN | BINARY, &[0; 200]).len() - 200;
            let last = BUFFER - end.outbox().queued() - header - left;
            end.feed(&*vec![7; last]).unwrap();
            for len in [0, 1, 0, 0, 2, 0, 0, 0, 17] {
                end.feed(vec![8; len]).unwrap();
            }
            let lens: Vec<_> = sent(&mut end).iter().map(|(_, body)| body.len()).collect();
            let expected = [
                1000, COPIED, COPIED, COPIED, last, 0, 1, 0, 0, 2, 0, 0, 0, 17,
            ];
            assert_eq!(lens, expected, "{role:?}, {left} bytes left");
        }
    }
}

/// Few bytes are moved to a buffer of their size, many stay where they are.
///
/// Proves: X-mem-1
#[test]
fn stalled_socket_keeps_its_buffer_if_a_quarter_is_filled() {
    for (payloads, held) in [
        ([1000, 15_632], BUFFER / 4),
        ([1000, 15_633], BUFFER),
        ([COPIED, COPIED], BUFFER),
    ] {
        let mut end = server();
        for len in payloads {
            end.feed(&*vec![7; len]).unwrap();
        }
        let waiting = end.outbox().queued();
        end.outbound().set_blocked(true);
        assert_eq!(end.buffer_bytes(), held, "{waiting} bytes wait");
        assert_eq!(end.take_output().len(), waiting);
    }
}

/// A server has nothing to change in a payload that it was given to keep: from 8 KiB on it is written from
/// where it lies. A client copies it, which masks it on the way.
#[test]
fn payload_that_was_given_away_is_written_from_where_it_lies() {
    for role in ROLES {
        for len in [8 << 10, (8 << 10) + 1, COPIED, COPIED + 1] {
            let payload = Bytes::from(vec![7; len]);
            let mut end = open(role, Config::new());
            end.feed(payload.clone()).unwrap();
            let mut chunks = [IoSlice::new(&[]); 4];
            let used = end.chunks(&mut chunks);
            let is_shared = chunks[..used]
                .iter()
                .any(|chunk| chunk.as_ptr() == payload.as_ptr());
            let expected = role == Role::Server && len > 8 << 10;
            assert_eq!(is_shared, expected, "{role:?}, {len} bytes");
            assert_eq!(sent(&mut end), [(FIN | BINARY, payload.to_vec())]);
        }
    }
}

#[test]
fn stream_of_large_messages_allocates_nothing() {
    let shared = Bytes::from(vec![7; 100_000]);
    let mut end = server();
    let mut before = 0;
    for round in 0..50 {
        end.feed(shared.clone()).unwrap();
        assert!(end.outbox().queued() > shared.len());
        let all = end.outbox().queued();
        end.advance(all);
        if round == 2 {
            before = calls();
        }
    }
    assert_eq!(calls() - before, 0);
}

/// Proves: X-mem-1
#[test]
fn held_counts_all_that_waits() {
    let mut end = server();
    for _ in 0..5 {
        end.feed(LENT).unwrap();
    }
    assert_eq!(end.buffer_bytes(), 2 * BUFFER);
    end.feed(Bytes::from(vec![7; 100_000])).unwrap();
    end.feed(vec![7; 50_000]).unwrap();
    assert_eq!(end.buffer_bytes(), 2 * BUFFER + 150_000);
    end.outbox().ping(b"?").unwrap();
    assert!(
        end.buffer_bytes() > 2 * BUFFER + 150_000,
        "{}",
        end.buffer_bytes()
    );
    let _ = end.take_output();
    assert_eq!(end.buffer_bytes(), 0);

    end.outbox().ping(b"?").unwrap();
    assert!(
        (3..100).contains(&end.buffer_bytes()),
        "{}",
        end.buffer_bytes()
    );
}

/// Proves: X-mem-1
#[test]
fn buffers_go_back_as_soon_as_they_are_written() {
    let mut end = server();
    for _ in 0..16 {
        end.feed(LENT).unwrap();
    }
    // Four frames of this size fill a buffer.
    for buffers in (1..=4).rev() {
        assert_eq!(end.buffer_bytes(), buffers * BUFFER);
        end.advance(FRAME);
        end.advance(3 * FRAME - 1);
        assert_eq!(end.buffer_bytes(), buffers * BUFFER, "one byte waits");
        end.advance(1);
    }
    assert_eq!(end.buffer_bytes(), 0);
}

/// Proves: X-mem-1
#[test]
fn large_payload_is_let_go_as_soon_as_it_is_written() {
    for step in [100_000, 50_000, 1] {
        let shared = Bytes::from(vec![7; 100_000]);
        let mut end = server();
        end.feed(shared.clone()).unwrap();
        end.feed("after").unwrap();
        end.advance(10);
        for _ in 0..shared.len() / step {
            assert!(!shared.is_unique());
            end.advance(step);
        }
        assert!(shared.is_unique(), "in steps of {step}");
        assert_eq!(sent(&mut end), [(FIN | TEXT, b"after".to_vec())]);
    }
}

/// Proves: X-mem-1
#[test]
fn buffers_of_a_connection_that_is_dropped_are_used_again() {
    fn drop_it(end: Connection) {
        drop(end);
    }
    fn fail_it(mut end: Connection) {
        end.transport_failed(ErrorKind::BrokenPipe);
    }
    for end_it in [drop_it, fail_it] {
        let session = || {
            let mut end = server();
            end.feed("never written").unwrap();
            end_it(end);
        };
        session();
        let risen = rise(session);
        assert!(risen < 4 << 10, "{risen} bytes");
    }
}
