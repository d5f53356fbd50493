//! Floods and trickles that other implementations did not survive, with their cost counted by the
//! allocator.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, State};
use wskit_test::alloc::{calls, live};

fn take(end: &mut Connection, bytes: &[u8], now: Instant) {
    assert_eq!(end.receive(bytes), bytes.len());
    while end.poll_event(now).unwrap().is_some() {}
}

/// Pings and pongs between the fragments of an endless message, then a Close, while the socket
/// takes nothing and messages wait: memory does not grow, and the Close is answered behind the
/// queue.
///
/// Proves: X-mem-1, R6455-5.5.3-b
#[test]
fn control_frames_behind_a_stalled_socket_cost_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let mut end = open(role, Config::new());
        while end.feed(vec![7; 100]).is_ok() {
            if end.outbox().queued() > 100_000 {
                break;
            }
        }
        end.outbound().set_blocked(true);
        take(&mut end, &to(role, TEXT, b"begun"), now);
        let flood = [
            to(role, FIN | PING, &[1; 125]),
            to(role, FIN | PONG, &[2; 125]),
            to(role, CONTINUATION, b""),
        ]
        .concat();
        take(&mut end, &flood, now);
        let (base, queued) = (live(), end.outbox().queued());
        for _ in 0..20_000 {
            take(&mut end, &flood, now);
            assert!(end.outbox().queued() <= queued);
            assert!(live() - base <= 256, "{} bytes more", live() - base);
        }
        take(&mut end, &close_to(role, 1000), now);
        assert_ne!(end.outbox().state(), State::Open);
        // Pongs that are still queued are dropped.
        let sent = sent(&mut end);
        assert!(sent.iter().all(|frame| frame.0 != FIN | PONG), "{role:?}");
        assert_eq!(sent.last(), Some(&(FIN | CLOSE, close_body(1000, ""))));
    }
}

/// A message in reads of one byte each: moved a few times while it grows, not once a byte.
///
/// Proves: X-cpu-1
#[test]
fn trickle_is_not_moved_at_every_byte() {
    let now = Instant::now();
    for role in ROLES {
        for first in [FIN | TEXT, FIN | BINARY] {
            let frame = to(role, first, &vec![b'a'; 1 << 20]);
            let mut end = open(role, Config::new());
            let before = calls();
            let (head, last) = frame.split_at(frame.len() - 1);
            for byte in head {
                take(&mut end, std::slice::from_ref(byte), now);
            }
            // The buffer doubles from 64 bytes to 1 MiB; the rest are read buffers.
            let calls = calls() - before;
            assert!(calls <= 40, "{role:?}: {calls} allocations");
            assert_eq!(end.receive(last), 1);
            assert!(end.poll_event(now).unwrap().is_some());
        }
    }
}

/// Frames of a session that is cut off at any byte, a hundred times each: their memory is given
/// back.
///
/// Proves: X-mem-1
#[test]
fn abandoned_connections_leave_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let session = [
            to(role, TEXT, "fr\u{e4}gments".as_bytes()),
            to(role, FIN | PING, b"between"),
            to(role, FIN, &[b'x'; 700]),
            close_to(role, 1001),
        ]
        .concat();
        let once = |cut: usize| {
            let mut end = open(role, Config::new());
            take(&mut end, &session[..cut], now);
            let _ = end.feed("answer");
            end.receive_eof();
            while let Ok(Some(_)) = end.poll_event(now) {}
        };
        // Slabs stay with the thread.
        once(session.len());
        let base = live();
        for cut in 0..=session.len() {
            for _ in 0..10 {
                once(cut);
            }
        }
        assert_eq!(live() - base, 0, "{role:?}");
    }
}

/// Fragments of an endless message: at each one, the message takes at most twice the bytes that
/// came, far below the limit.
///
/// Proves: X-mem-1, X-mem-2
#[test]
fn fragments_take_room_as_they_come() {
    let now = Instant::now();
    for role in ROLES {
        for size in [1, 100, 3_000] {
            let mut end = open(role, Config::new().max_message_size(64 << 20));
            take(&mut end, &to(role, BINARY, &vec![1; size]), now);
            let next = to(role, CONTINUATION, &vec![1; size]);
            for count in 2..200 {
                take(&mut end, &next, now);
                // The read buffer, and the message.
                let most = (36 << 10) + 2 * count * size;
                assert!(
                    end.buffer_bytes() <= most,
                    "{} for {count} of {size}",
                    end.buffer_bytes()
                );
            }
        }
    }
}
