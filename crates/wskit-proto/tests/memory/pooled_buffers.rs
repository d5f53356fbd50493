//! The buffers that a thread keeps for its connections are bounded.

use crate::wire::*;
use bytes::Bytes;
use wskit_proto::{Config, Connection, ReadBuf, Role};
use wskit_test::alloc::live;

/// Buffers of 65 KiB to write and 32 KiB to read, of which a thread keeps sixteen each.
const KEPT: isize = 16 * (65 + 32) * 1024;

/// Many connections at once, in the middle of reading and writing, leave no more than that behind.
///
/// Proves: X-io-3, X-mem-1
#[test]
fn thread_keeps_a_bounded_number_of_buffers() {
    let before = live();
    for _ in 0..3 {
        let mut all: Vec<Connection> = (0..60).map(|_| open(Role::Server, Config::new())).collect();
        for end in &mut all {
            end.feed("waits").unwrap();
            let ping = masked(FIN | PING, b"");
            let ReadBuf::Slab(room) = end.read_buf() else {
                panic!("no large message is coming")
            };
            room[..ping.len()].copy_from_slice(&ping);
            end.filled(ping.len());
            assert!(end.buffer_bytes() >= (65 + 32) * 1024, "both are lent");
        }
        assert!(live() - before > 60 * 97 * 1024);
        for end in &mut all {
            assert_eq!(poll(end), [Got::Ping(Vec::new())]);
            assert_eq!(sent(end).len(), 2);
        }
        drop(all);
        let kept = live() - before;
        assert!(kept <= KEPT + 64 * 1024, "{kept} bytes are kept");
    }
}

/// A long queue of large payloads is written in its order, and its list is freed; a short list is
/// kept for the next queue.
///
/// Proves: X-io-3
#[test]
fn long_queue_of_large_payloads_leaves_nothing() {
    let payload = Bytes::from(vec![7; 17_000]);
    let mut end = open(Role::Server, Config::new());
    let mut after = Vec::new();
    for most in [1, 1_000_000, 1_000_000] {
        let mut expected = Vec::new();
        while end.outbox().queued() < most {
            end.feed(payload.clone()).unwrap();
            end.feed("between").unwrap();
            expected.push((FIN | BINARY, payload.to_vec()));
            expected.push((FIN | TEXT, b"between".to_vec()));
        }
        assert!(sent(&mut end) == expected);
        drop(expected);
        assert_eq!(end.buffer_bytes(), 0);
        after.push(live());
    }
    assert!(
        after[1] - after[0] < 1024 && after[2] - after[0] < 1024,
        "{after:?}"
    );
}
