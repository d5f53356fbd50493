//! Connections that are dropped in any state leave nothing behind.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, MessageKind};
use wskit_test::alloc::live;

fn take(end: &mut Connection, bytes: &[u8], now: Instant) {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[end.receive(rest)..];
        while let Ok(Some(_)) = end.poll_event(now) {}
    }
}

/// Dropped at any byte without an end of the stream: in a header, in a message that is being
/// assembled, in a control frame between fragments; with the read buffer given back or not, and
/// with much or little still to be sent.
///
/// Proves: X-mem-1
#[test]
fn dropped_connections_leave_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let session = [
            to(role, TEXT, "fr\u{e4}gments".as_bytes()),
            to(role, FIN | PING, b"between"),
            to(role, FIN, &[b'x'; 700]),
            to(role, FIN | BINARY, &[7; 300]),
        ]
        .concat();
        let once = |cut: usize, releases: bool, queued: usize| {
            let mut end = open(role, Config::new());
            if queued > 0 {
                end.feed(vec![1; queued]).unwrap();
                end.outbox().ping(b"waits").unwrap();
                end.outbox().begin(MessageKind::Binary).unwrap();
                end.outbox().piece(&[2; 10], false).unwrap();
                end.advance(queued / 2);
                end.outbound().set_blocked(true);
            }
            take(&mut end, &session[..cut], now);
            if releases {
                end.release();
            }
        };
        for queued in [0, 10, 40_000] {
            for releases in [false, true] {
                // Slabs, and some buffers of large messages, stay with the thread.
                for _ in 0..10 {
                    once(session.len(), releases, queued);
                }
                let base = live();
                for cut in 0..=session.len() {
                    once(cut, releases, queued);
                }
                assert_eq!(live() - base, 0, "{role:?}, {queued} queued, {releases}");
            }
        }
    }
}

/// Dropped inside a large message, which has a buffer of its own.
///
/// Proves: X-mem-1
#[test]
fn dropped_connections_leave_no_large_buffers() {
    let now = Instant::now();
    for role in ROLES {
        let message = to(role, FIN | BINARY, &vec![7; 500_000]);
        let once = |cut: usize, releases: bool| {
            let mut end = open(role, Config::new());
            take(&mut end, &message, now);
            take(&mut end, &message[..cut], now);
            if releases {
                end.release();
            }
        };
        for releases in [false, true] {
            for cut in [1, 7, 2_000, 20_000, 100_000, 499_999, message.len()] {
                // The buffers that a thread keeps for its connections grow once and no more.
                for _ in 0..10 {
                    once(cut, releases);
                }
                let base = live();
                for _ in 0..10 {
                    once(cut, releases);
                }
                assert_eq!(live() - base, 0, "{role:?}, {cut} bytes, {releases}");
            }
        }
    }
}
