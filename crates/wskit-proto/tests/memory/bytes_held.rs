//! Bytes that a connection holds and allocates.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, Event, ProtocolError, Role};
use wskit_test::alloc::{calls, live, rise};

/// Takes all bytes without keeping any event, and echoes each message if `echo`.
fn pump(end: &mut Connection, mut bytes: &[u8], now: Instant, echo: bool) -> usize {
    let mut messages = 0;
    while !bytes.is_empty() {
        bytes = &bytes[end.receive(bytes)..];
        loop {
            match end.poll_event_and_outbox(now).unwrap() {
                Some((Event::Message(message), outbox)) => {
                    messages += 1;
                    if echo {
                        outbox.feed(message).unwrap();
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
        while !end.outbox().is_empty() {
            let n = end.outbound().chunk().len();
            end.advance(n);
        }
    }
    messages
}

#[test]
fn lent_messages_allocate_nothing() {
    let now = Instant::now();
    for role in ROLES {
        for first in [FIN | TEXT, FIN | BINARY] {
            for size in [16, 1 << 10, 16 << 10] {
                let mut end = open(role, Config::new());
                let frame = to(role, first, &vec![b'a'; size]);
                let _ = pump(&mut end, &frame.repeat(4), now, true);
                let before = calls();
                for _ in 0..50 {
                    assert_eq!(pump(&mut end, &frame, now, true), 1);
                    end.release();
                }
                assert_eq!(calls() - before, 0, "{role:?}, {size} bytes");
                assert_eq!(end.buffer_bytes(), 0);
            }
        }
    }
}

/// Proves: X-mem-1
#[test]
fn idle_connection_holds_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(end.buffer_bytes(), 0, "before the first byte");
        for size in [0, 100, 9_000, 40_000, 500_000] {
            let fragments = [to(role, BINARY, &vec![1; size]), to(role, FIN, b"x")].concat();
            let session = [
                to(role, FIN | TEXT, &vec![b'a'; size]),
                to(role, FIN | PING, b"?"),
                fragments,
            ]
            .concat();
            let live_before = live();
            assert_eq!(pump(&mut end, &session, now, true), 2);
            drop(session);
            end.release();
            assert_eq!(end.buffer_bytes(), 0, "after messages of {size} bytes");
            let _ = live_before;
        }
    }
}

/// Proves: X-mem-2, R6455-10.4-a
#[test]
fn announced_length_allocates_nothing_and_growth_follows_what_came() {
    const LIMIT: usize = 1 << 20;
    let now = Instant::now();
    for role in ROLES {
        let frame = to(role, FIN | BINARY, &vec![7; LIMIT]);
        let mut end = open(role, Config::new());
        // Fill the thread's pool.
        let _ = pump(&mut end, &to(role, FIN | BINARY, b"x"), now, false);
        end.release();
        let head = frame.len() - LIMIT;
        let risen = rise(|| {
            let _ = pump(&mut end, &frame[..head], now, false);
            end.release();
        });
        assert!(risen < 1 << 10, "{risen} bytes for a header alone");
        // The pool's buffer counts while it is held: measure with it given back each time.
        let base = live();
        for (received, byte) in frame[head..frame.len() - 1].iter().enumerate() {
            assert_eq!(pump(&mut end, std::slice::from_ref(byte), now, false), 0);
            if received % 97 == 0 {
                end.release();
                let now_live = live() - base;
                // At most twice the bytes that have come, so that 64 KiB take two reads.
                let most = 3 * (received as isize + 1) + (4 << 10);
                assert!(
                    now_live <= most,
                    "{now_live} bytes live after {received} bytes"
                );
                assert!(end.buffer_bytes() as isize <= most);
            }
        }
        assert!(end.buffer_bytes() <= LIMIT + (64 << 10));
        assert_eq!(pump(&mut end, &frame[frame.len() - 1..], now, false), 1);
        end.release();
        assert_eq!(end.buffer_bytes(), 0);
    }
}

/// The room that a large message has earned for the next one is given up when the peer stalls.
///
/// Proves: X-mem-2
#[test]
fn room_after_a_large_message_is_given_up_when_the_next_stalls() {
    const LARGE: usize = 1 << 20;
    let now = Instant::now();
    for role in ROLES {
        let frame = to(role, FIN | BINARY, &vec![7; LARGE]);
        let mut end = open(role, Config::new());
        assert_eq!(pump(&mut end, &frame, now, false), 1);
        assert_eq!(pump(&mut end, &frame[..2000], now, false), 0);
        assert!(end.buffer_bytes() >= LARGE, "room for as much as before");
        end.release();
        assert!(
            end.buffer_bytes() <= 4000,
            "{} bytes for 2000",
            end.buffer_bytes()
        );
        // No byte is lost.
        assert_eq!(pump(&mut end, &frame[2000..], now, false), 1);
    }
}

/// Proves: X-mem-1, R6455-10.4-b
#[test]
fn flood_of_one_byte_fragments_holds_the_limit_at_most() {
    const LIMIT: usize = 100_000;
    let now = Instant::now();
    for role in ROLES {
        let mut end = open(role, Config::new().max_message_size(LIMIT));
        let one = to(role, CONTINUATION, b"x");
        let _ = end.receive(&to(role, TEXT, b"x"));
        let base = live();
        let mut refused = None;
        let mut sent = 1;
        while refused.is_none() {
            let _ = end.receive(&one);
            sent += 1;
            refused = end.poll_event(now).err();
            assert!(live() - base <= (LIMIT + (64 << 10)) as isize);
        }
        assert_eq!(refused, Some(ProtocolError::MessageTooBig { limit: LIMIT }));
        assert_eq!(sent, LIMIT + 1);
    }
}

/// Proves: X-mem-1
#[test]
fn unfinished_message_of_any_fragmentation_holds_the_limit_at_most() {
    // Sizes for which doubling would exceed the limit by far.
    const LIMIT: usize = 1 << 20;
    for role in ROLES {
        for size in [17_000, 33_333, 70_000, 140_001, 600_000] {
            let mut end = open(role, Config::new());
            assert_eq!(feed(&mut end, &to(role, BINARY, &vec![1; size])), []);
            for _ in 1..LIMIT / size {
                assert_eq!(feed(&mut end, &to(role, CONTINUATION, &vec![1; size])), []);
                end.release();
                assert!(
                    end.buffer_bytes() <= LIMIT + (4 << 10),
                    "{} bytes held",
                    end.buffer_bytes()
                );
            }
        }
    }
}

/// Proves: X-mem-1, X-cpu-1
#[test]
fn flood_of_empty_fragments_holds_nothing() {
    let now = Instant::now();
    for role in ROLES {
        let mut end = open(role, Config::new());
        let empty = to(role, CONTINUATION, b"");
        let _ = pump(&mut end, &to(role, TEXT, b""), now, false);
        let limit = Config::new().get_limits().max_fragments;
        let base = live();
        let mut refused = None;
        let mut frames = 1;
        while refused.is_none() {
            assert!(frames <= limit, "{frames} fragments and no end");
            let _ = end.receive(&empty);
            frames += 1;
            refused = end.poll_event(now).err();
            // The Close that reports the error borrows a write buffer.
            assert!(
                refused.is_some() || live() <= base + 64,
                "{} bytes more",
                live() - base
            );
        }
        assert_eq!(refused, Some(ProtocolError::TooManyFragments { limit }));
        assert_eq!(frames, limit + 1);
    }
}

/// Proves: R6455-5.5.3-b, X-mem-1
#[test]
fn flood_of_pings_with_writes_blocked_is_flat() {
    let now = Instant::now();
    let ping = masked(FIN | PING, &[1; 125]);
    for told in [true, false] {
        let mut end = server();
        end.feed("waiting").unwrap();
        end.outbound().set_blocked(told);
        pump_no_write(&mut end, &ping, now);
        let (base, queued) = (live(), end.outbox().queued());
        for _ in 0..100_000 {
            pump_no_write(&mut end, &ping, now);
        }
        // If it knows that writes are blocked it keeps one pong; otherwise it stops at the bound.
        let more = end.outbox().queued() - queued;
        assert!(more <= if told { 0 } else { 4 << 10 }, "{more}");
        assert!(
            live() - base <= if told { 256 } else { 16 << 10 },
            "{}",
            live() - base
        );
    }
}

fn pump_no_write(end: &mut Connection, bytes: &[u8], now: Instant) {
    assert_eq!(end.receive(bytes), bytes.len());
    while end.poll_event(now).unwrap().is_some() {}
}

/// Proves: R6455-5.5.3-b, X-mem-1
#[test]
fn flood_of_pings_that_is_always_partly_answered_is_flat() {
    let now = Instant::now();
    let ping = masked(FIN | PING, &[1; 125]);
    let mut end = open(Role::Server, Config::new());
    let _ = end.receive(&ping);
    while end.poll_event(now).unwrap().is_some() {}
    end.advance(10);
    let base = live();
    for _ in 0..20_000 {
        pump_no_write(&mut end, &ping, now);
        end.advance(127);
        assert!(live() - base < 32 << 10, "{} bytes more", live() - base);
    }
    assert_eq!(
        end.take_output(),
        [&unmasked(FIN | PONG, &[1; 125])[10..]].concat()
    );
}
