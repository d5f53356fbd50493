//! Large messages in a row: how many reads and allocations they take, and what is held when the next
//! one is not what was expected.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, Event, Message, ReadBuf, Role};
use wskit_test::alloc::{calls, live, rise};

fn payload(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at as u32).to_le_bytes()[at % 3])
        .collect()
}

fn frame(role: Role, size: usize) -> Vec<u8> {
    to(role, FIN | BINARY, &payload(size))
}

/// Returns a connection that has received a message of this size.
fn after(role: Role, size: usize) -> Connection {
    let mut end = open(role, Config::new().max_message_size(8 << 20));
    assert_eq!(feed(&mut end, &frame(role, size)).len(), 1);
    end.release();
    end
}

/// Gives the bytes as a socket would that has all of them; returns the reads and the messages.
fn read_all(end: &mut Connection, mut bytes: &[u8]) -> (usize, Vec<Got>) {
    let (mut reads, mut got) = (0, Vec::new());
    while !bytes.is_empty() {
        bytes = &bytes[push_by_read_buf(end, bytes)..];
        reads += 1;
        got.extend(poll(end));
    }
    (reads, got)
}

/// Takes the next message, to keep.
fn take(end: &mut Connection) -> Message {
    match end.poll_event(Instant::now()).unwrap() {
        Some(Event::Message(message)) => message.into_owned(),
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn message_like_the_large_one_before_takes_one_read() {
    for role in ROLES {
        for (before, size) in [
            (64 << 10, 64 << 10),
            (40_000, 40_000),
            (1 << 20, 1 << 20),
            (100_000, 40_000),
            (100_000, 9_000),
        ] {
            let mut end = after(role, before);
            let (reads, got) = read_all(&mut end, &frame(role, size));
            assert_eq!(reads, 1, "{size} after {before}");
            assert!(got == [Got::Binary(payload(size))], "{size}");
        }
    }
}

/// The read asks for more than the message, so that it comes back short.
#[test]
fn read_of_an_expected_message_comes_back_short() {
    for role in ROLES {
        let mut end = after(role, 64 << 10);
        let room = match end.read_buf() {
            ReadBuf::Large(spare) => spare.len(),
            ReadBuf::Slab(slab) => panic!("{} bytes in the read buffer", slab.len()),
        };
        assert!(room > frame(role, 64 << 10).len());
    }
}

#[test]
fn large_messages_that_are_echoed_allocate_nothing() {
    for role in ROLES {
        for size in [40_000, 64 << 10, 1 << 20] {
            let frame = frame(role, size);
            let mut end = after(role, size);
            let mut echo = || {
                let mut bytes = &frame[..];
                while !bytes.is_empty() {
                    bytes = &bytes[push_by_read_buf(&mut end, bytes)..];
                    while let Some((Event::Message(message), outbox)) =
                        end.poll_event_and_outbox(Instant::now()).unwrap()
                    {
                        outbox.feed(message).unwrap();
                    }
                }
                // As a driver does before it waits: one look for more, then the write.
                let _ = end.read_buf();
                end.release();
                let queued = end.outbox().queued();
                end.advance(queued);
                assert_eq!(end.buffer_bytes(), 0);
            };
            for _ in 0..3 {
                echo();
            }
            let before = calls();
            for _ in 0..3 {
                echo();
            }
            assert_eq!(calls() - before, 0, "{role:?}, {size} bytes");
        }
    }
}

/// The handle of `Bytes` is all that is allocated: the buffer in which the message came is handed out,
/// queued as it is, and used again.
#[test]
fn owned_message_that_is_echoed_shares_the_buffer_it_came_in() {
    for role in ROLES {
        for size in [40_000, 64 << 10, 1 << 20] {
            let frame = frame(role, size);
            let mut end = after(role, size);
            let mut echo = || {
                let mut bytes = &frame[..];
                while !bytes.is_empty() {
                    bytes = &bytes[push_by_read_buf(&mut end, bytes)..];
                }
                let message = take(&mut end);
                end.feed(message).unwrap();
                assert!(end.poll_event(Instant::now()).unwrap().is_none());
                let _ = end.read_buf();
                end.release();
                let queued = end.outbox().queued();
                end.advance(queued);
            };
            for _ in 0..3 {
                echo();
            }
            let before = calls();
            for _ in 0..10 {
                echo();
            }
            // A client takes the buffer out of its handle to mask it.
            let handles = if role == Role::Client { 20 } else { 10 };
            assert_eq!(calls() - before, handles, "{role:?}, {size} bytes");
        }
    }
}

/// Proves: X-mem-2
#[test]
fn peer_that_stalls_after_little_of_an_expected_message_holds_little() {
    for role in ROLES {
        for before in [64 << 10, 1 << 20] {
            for size in [9_000, 40_000, 64 << 10, 1 << 20, 4 << 20] {
                let frame = frame(role, size);
                let head = frame.len() - size;
                for came in [1, head - 1, head, head + 1, head + 2_000] {
                    let mut end = after(role, before);
                    let _ = push_by_read_buf(&mut end, &frame[..came]);
                    assert_eq!(poll(&mut end), []);
                    end.release();
                    let held = end.buffer_bytes();
                    assert!(held <= 2 * came + 64, "{held} bytes for {came} of {size}");
                    let got = feed(&mut end, &frame[came..]);
                    assert!(got == [Got::Binary(payload(size))], "{came} of {size}");
                }
            }
        }
    }
}

/// Proves: X-mem-1
#[test]
fn connection_that_waits_for_an_expected_message_holds_nothing() {
    for role in ROLES {
        let mut end = after(role, 1 << 20);
        let before = calls();
        for _ in 0..3 {
            assert!(matches!(end.read_buf(), ReadBuf::Large(_)));
            end.release();
            assert_eq!(end.buffer_bytes(), 0);
        }
        assert_eq!(calls() - before, 0, "the buffer comes from the pool");
    }
}

/// A message that is kept, or queued, holds no more than twice its size.
///
/// Proves: X-mem-1
#[test]
fn smaller_message_than_expected_does_not_pin_the_room() {
    for role in ROLES {
        for size in [9_000, 40_000] {
            let mut end = after(role, 1 << 20);
            let frame = frame(role, size);
            assert_eq!(push_by_read_buf(&mut end, &frame), frame.len());
            let mut kept = None;
            let held = rise(|| kept = Some(take(&mut end)));
            assert!(held <= 2 * size as isize, "{held} for {size} bytes");
            assert_eq!(kept.unwrap().as_bytes(), payload(size));

            let mut end = after(role, 1 << 20);
            assert_eq!(push_by_read_buf(&mut end, &frame), frame.len());
            let (event, outbox) = end.poll_event_and_outbox(Instant::now()).unwrap().unwrap();
            let Event::Message(message) = event else {
                panic!("{event:?}")
            };
            outbox.feed(message).unwrap();
            assert!(poll(&mut end).is_empty());
            end.release();
            let held = end.buffer_bytes();
            assert!(held <= 2 * size + (64 << 10), "{held} for {size} bytes");
        }
    }
}

/// Whatever comes instead of the large message, in one read: all of it is taken, in order.
#[test]
fn anything_may_come_where_a_large_message_is_expected() {
    for role in ROLES {
        let small: Vec<u8> = (0..2_000_u32)
            .flat_map(|n| to(role, FIN | BINARY, &[n as u8; 100]))
            .collect();
        let smalls: Vec<Got> = (0..2_000_u32)
            .map(|n| Got::Binary(vec![n as u8; 100]))
            .collect();
        let large = Got::Binary(payload(20_000));
        let ping = to(role, FIN | PING, b"?");
        let fragments = [
            to(role, BINARY, &payload(20_000)[..12_000]),
            ping.clone(),
            to(role, FIN, &payload(20_000)[12_000..]),
        ]
        .concat();
        let asked = Got::Ping(b"?".to_vec());
        for (bytes, expected) in [
            (small.clone(), smalls.clone()),
            (
                [frame(role, 20_000), small.clone()].concat(),
                [vec![large.clone()], smalls.clone()].concat(),
            ),
            (
                [small.clone(), frame(role, 20_000)].concat(),
                [smalls.clone(), vec![large.clone()]].concat(),
            ),
            (fragments.clone(), vec![asked.clone(), large.clone()]),
            (
                [ping, fragments, small].concat(),
                [vec![asked.clone(), asked, large], smalls].concat(),
            ),
        ] {
            for before in [64 << 10, 1 << 20] {
                let mut end = after(role, before);
                let (_, got) = read_all(&mut end, &bytes);
                assert!(got == expected, "{role:?}, {} messages", expected.len());
                end.release();
                let _ = end.take_output();
                assert_eq!(end.buffer_bytes(), 0, "{} messages", expected.len());
            }
        }
    }
}

/// Only the bytes of large messages are little work.
#[test]
fn bytes_that_are_not_of_a_large_message_are_told_apart() {
    for role in ROLES {
        let small = to(role, FIN | BINARY, &[1; 100]).repeat(20);
        let large = frame(role, 20_000);
        for (bytes, expected) in [
            (small.clone(), 0),
            (large.clone(), large.len()),
            ([&large[..], &small].concat(), large.len()),
        ] {
            let mut end = after(role, 64 << 10);
            let ReadBuf::Large(mut spare) = end.read_buf() else {
                panic!("a large message is expected")
            };
            assert_eq!(spare.copy_from(&bytes), bytes.len());
            assert_eq!(end.filled_large(bytes.len()), expected);
        }
    }
}

/// Text is checked where it lies, and an error is found as early as elsewhere.
///
/// Proves: R6455-8.1-a
#[test]
fn expected_text_is_checked_and_lent() {
    for role in ROLES {
        let good = "é".repeat(30_000);
        let mut bad = good.clone().into_bytes();
        bad[40_001] = b'x';
        let mut end = after(role, 64 << 10);
        let (reads, got) = read_all(&mut end, &to(role, FIN | TEXT, good.as_bytes()));
        assert_eq!((reads, got), (1, vec![text(&good)]));
        let whole = to(role, FIN | TEXT, &bad);
        let _ = push_by_read_buf(&mut end, &whole[..50_000]);
        assert!(end.poll_event(Instant::now()).is_err());
        assert_failed_with(&mut end, 1007);
    }
}

/// Sixty-four messages of 16 KiB: four a read and four a write buffer, with their headers.
#[test]
fn four_messages_of_16_kib_share_a_buffer() {
    for role in ROLES {
        let message = vec![7; 16 << 10];
        let mut end = open(role, Config::new());
        let flood = to(role, FIN | BINARY, &message).repeat(64);
        let (reads, got) = read_all(&mut end, &flood);
        assert!(reads <= 18, "{role:?}: {reads} reads");
        assert!(got == vec![Got::Binary(message.clone()); 64]);

        for _ in 0..4 {
            end.feed(&message).unwrap();
        }
        assert!(end.outbound().only_chunk().is_some(), "{role:?}");
    }
}

/// The buffers of large messages that a thread keeps are bounded.
///
/// Proves: X-mem-1
#[test]
fn buffers_of_many_large_messages_are_not_all_kept() {
    let before = live();
    let mut ends: Vec<_> = (0..20).map(|_| after(Role::Server, 1 << 20)).collect();
    let frame = frame(Role::Server, 1 << 20);
    for end in &mut ends {
        let _ = push_by_read_buf(end, &frame[..frame.len() / 2]);
        assert!(poll(end).is_empty());
    }
    assert!(live() - before > 20 << 20);
    drop(ends);
    drop(frame);
    assert!(live() - before < 4 << 20, "{} bytes", live() - before);
}
