//! Where the next read goes, how many bytes it may bring, and which memory is reused.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, Event, ReadBuf, Role};
use wskit_test::alloc::{calls, live};

/// The usual read buffer, and the one for a peer that sends more at once.
const USUAL: usize = 32 << 10;
const LARGE: usize = 65 << 10;
/// The read after a part of the header of an expected large message.
const FIRST: usize = 1 << 10;

/// Returns the room for the next read in the read buffer.
fn room(end: &mut Connection) -> usize {
    match end.read_buf() {
        ReadBuf::Slab(slab) => slab.len(),
        ReadBuf::Large(spare) => panic!("{} bytes in the message's own buffer", spare.len()),
    }
}

/// Reads these bytes at once, which fit.
fn read(end: &mut Connection, bytes: &[u8]) -> usize {
    assert_eq!(end.receive(bytes), bytes.len());
    poll(end).len()
}

/// Returns this many bytes: whole frames, and three bytes of the header of [`next`].
fn filling(role: Role, size: usize) -> Vec<u8> {
    let head = to(role, FIN | BINARY, &[7; 200]).len() - 200;
    let mut bytes = Vec::new();
    while size - 3 - bytes.len() > 2000 {
        bytes.extend(to(role, FIN | BINARY, &[7; 1000]));
    }
    let last = size - 3 - bytes.len() - head;
    bytes.extend(to(role, FIN | BINARY, &vec![7; last]));
    bytes.extend(&next(role)[..3]);
    assert_eq!(bytes.len(), size);
    bytes
}

/// Returns the frame whose beginning is in [`filling`].
fn next(role: Role) -> Vec<u8> {
    to(role, FIN | BINARY, &[7; 200])
}

#[test]
fn buffer_grows_for_a_peer_that_fills_it_and_shrinks_again() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(room(&mut end), USUAL);
        assert!(read(&mut end, &filling(role, USUAL)) > 10);
        assert_eq!(room(&mut end), LARGE - 3, "the rest stands in front");
        // It stays while a read brings more than the usual one holds,
        let more = [&next(role)[3..], &filling(role, 40_000)].concat();
        assert!(read(&mut end, &more) > 10);
        end.release();
        assert!(
            (3..16).contains(&end.buffer_bytes()),
            "{}",
            end.buffer_bytes()
        );
        assert_eq!(room(&mut end), LARGE - 3);
        // and is given back after a read that does not.
        assert_eq!(read(&mut end, &next(role)[3..]), 1);
        assert_eq!(room(&mut end), LARGE, "held already");
        end.release();
        assert_eq!(room(&mut end), USUAL);
    }
}

#[test]
fn buffer_that_was_filled_between_two_messages_grows_too() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let payload = vec![7; USUAL - to(role, FIN | BINARY, &[0; 1 << 10]).len() + (1 << 10)];
        let frame = to(role, FIN | BINARY, &payload);
        assert_eq!(frame.len(), USUAL);
        assert_eq!(read(&mut end, &frame), 1);
        assert_eq!(room(&mut end), LARGE);
        end.release();
        assert_eq!(room(&mut end), LARGE);
    }
}

#[test]
fn rest_of_a_read_moves_to_the_front_from_half_of_the_buffer_on() {
    for role in ROLES {
        for (size, moves) in [(10_000, false), (20_000, true)] {
            let mut end = open(role, Config::new());
            let frame = to(role, FIN | BINARY, &vec![7; size]);
            let both = [&frame[..], &frame[..3]].concat();
            assert_eq!(read(&mut end, &both), 1);
            let taken = if moves { 3 } else { both.len() };
            assert_eq!(room(&mut end), USUAL - taken, "{size}");
            assert_eq!(read(&mut end, &frame[3..]), 1);
        }
    }
}

#[test]
fn message_cut_by_a_read_is_lent_from_the_read_buffer() {
    let now = Instant::now();
    for role in ROLES {
        for size in [10, 1000, 20_000] {
            let mut end = open(role, Config::new());
            let frame = to(role, FIN | TEXT, &vec![b'a'; size]);
            assert_eq!(feed(&mut end, &frame).len(), 1);
            let before = calls();
            for part in frame.chunks(frame.len() / 2 + 1) {
                assert!(end.poll_event(now).unwrap().is_none());
                assert_eq!(end.receive(part), part.len());
            }
            assert!(end.poll_event(now).unwrap().is_some());
            assert_eq!(calls() - before, 0, "{role:?}, {size} bytes");
        }
    }
}

#[test]
fn read_after_a_large_message_has_room_for_its_like() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let large = to(role, FIN | BINARY, &vec![7; 100_000]);
        assert_eq!(feed(&mut end, &large).len(), 1);
        assert!(own_room(&mut end) > large.len());
        // One read without a large message is ignored,
        let small = to(role, FIN | BINARY, b"small");
        assert_eq!(read(&mut end, &small), 1);
        assert!(own_room(&mut end) > large.len());
        // a second one is not.
        assert_eq!(read(&mut end, &small), 1);
        end.release();
        assert_eq!(room(&mut end), USUAL);
    }
}

/// Where part of its header has come already, the rest of it and little of the payload is read first.
#[test]
fn header_of_a_large_message_that_comes_in_two_parts_is_completed_by_a_short_read() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let large = to(role, FIN | BINARY, &vec![7; 100_000]);
        assert_eq!(feed(&mut end, &large).len(), 1);
        assert_eq!(read(&mut end, &large[..3]), 0);
        end.release();
        assert_eq!(end.buffer_bytes(), 3);
        assert_eq!(room(&mut end), FIRST);
        assert_eq!(read(&mut end, &large[3..3 + FIRST]), 0);
        assert!(own_room(&mut end) > large.len() - 3 - FIRST);
        assert_eq!(feed(&mut end, &large[3 + FIRST..]).len(), 1);
    }
}

#[test]
fn large_messages_in_a_row_use_one_buffer() {
    for role in ROLES {
        for size in [100_000, 1 << 20] {
            let mut end = open(role, Config::new());
            let large = to(role, FIN | BINARY, &vec![7; size]);
            for _ in 0..3 {
                assert_eq!(count_messages(&mut end, &large), 1);
            }
            let before = calls();
            for _ in 0..3 {
                assert_eq!(count_messages(&mut end, &large), 1);
            }
            assert_eq!(calls() - before, 0);
            // A much smaller message does not take it.
            let smaller = to(role, FIN | BINARY, &vec![7; 40_000]);
            assert_eq!(count_messages(&mut end, &smaller[..20_000]), 0);
            end.release();
            assert!(
                (20_000..50_000).contains(&end.buffer_bytes()),
                "{}",
                end.buffer_bytes()
            );
            assert_eq!(count_messages(&mut end, &smaller[20_000..]), 1);
        }
    }
}

/// Proves: X-mem-1
#[test]
fn buffer_of_a_very_large_message_is_not_kept() {
    for role in ROLES {
        let mut end = open(role, Config::new().max_message_size(4 << 20));
        assert_eq!(
            count_messages(&mut end, &to(role, FIN | BINARY, b"warm")),
            1
        );
        let before = live();
        let frame = to(role, FIN | BINARY, &vec![7; 4 << 20]);
        assert_eq!(count_messages(&mut end, &frame), 1);
        drop(frame);
        end.release();
        assert!(live() - before < 2 << 20, "{} bytes more", live() - before);
    }
}

/// Gives the bytes and discards the events.
fn count_messages(end: &mut Connection, mut bytes: &[u8]) -> usize {
    let now = Instant::now();
    let mut messages = 0;
    while !bytes.is_empty() {
        bytes = &bytes[push_by_read_buf(end, bytes)..];
        while end.poll_event(now).unwrap().is_some() {
            messages += 1;
        }
    }
    messages
}

#[test]
fn thread_keeps_so_many_buffers_and_no_more() {
    for (size, kept) in [(USUAL, 16), (LARGE, 8)] {
        let mut ends: Vec<Connection> = (0..20).map(|_| server()).collect();
        for end in &mut ends {
            if size == LARGE {
                let _ = read(end, &filling(Role::Server, USUAL));
            }
            let _ = room(end);
            assert_eq!(end.buffer_bytes(), size);
        }
        let before = live();
        for end in &mut ends {
            if size == LARGE {
                assert_eq!(read(end, &next(Role::Server)[3..]), 1);
            }
            end.release();
            assert_eq!(end.buffer_bytes(), 0);
        }
        // Surplus buffers have gone back to the system.
        let freed = before - live();
        assert!(
            (freed - ((20 - kept) * size) as isize).abs() < 2000,
            "{freed} bytes of {size} each"
        );
    }
}

/// Returns the room in the message's own buffer.
fn own_room(end: &mut Connection) -> usize {
    match end.read_buf() {
        ReadBuf::Slab(slab) => panic!("{} bytes in the read buffer", slab.len()),
        ReadBuf::Large(spare) => spare.len(),
    }
}

#[test]
fn message_of_64_kib_takes_two_reads_and_one_buffer() {
    let now = Instant::now();
    for role in ROLES {
        let mut end = open(role, Config::new());
        let frame = to(role, FIN | BINARY, &vec![7; 64 << 10]);
        let (first, rest) = frame.split_at(USUAL);
        let _ = room(&mut end);
        let before = calls();
        assert_eq!(end.receive(first), first.len());
        assert!(end.poll_event(now).unwrap().is_none());
        assert!(own_room(&mut end) > rest.len());
        assert_eq!(end.receive(rest), rest.len());
        assert!(end.poll_event(now).unwrap().is_some());
        assert!(calls() - before <= 1, "it is never moved");
    }
}

/// Proves: X-mem-2
#[test]
fn large_read_asks_for_no_more_than_there_is_room() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let frame = to(role, FIN | BINARY, &vec![7; 1 << 20]);
        let mut came = 0;
        for chunk in frame.chunks(20_000).take(20) {
            let payload = chunk.len()
                - if came == 0 {
                    frame.len() - (1 << 20)
                } else {
                    0
                };
            assert_eq!(feed(&mut end, chunk), []);
            came += payload;
            end.release();
            let room = own_room(&mut end);
            assert!(came + room <= end.buffer_bytes(), "{room} behind {came}");
        }
    }
}

#[test]
fn message_after_a_large_one_is_read_into_its_own_buffer_from_its_header_on() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let large = to(role, FIN | BINARY, &vec![7; 1 << 20]);
        assert_eq!(feed(&mut end, &large).len(), 1);
        assert_eq!(read(&mut end, &large[..FIRST]), 0);
        assert!(own_room(&mut end) > (1 << 20) - FIRST);
        assert_eq!(feed(&mut end, &large[FIRST..]).len(), 1);
    }
}

/// A peer that stalls behind a header holds no room, however large the message before was.
///
/// Proves: X-mem-2
#[test]
fn header_alone_after_a_large_message_makes_no_room() {
    for role in ROLES {
        for size in [20_000, 40_000, 1 << 20] {
            let mut end = open(role, Config::new());
            let large = to(role, FIN | BINARY, &vec![7; 1 << 20]);
            assert_eq!(feed(&mut end, &large).len(), 1);
            let payload: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[1]).collect();
            let frame = to(role, FIN | BINARY, &payload);
            let head = frame.len() - payload.len();
            assert_eq!(read(&mut end, &frame[..head]), 0);
            let _ = own_room(&mut end);
            end.release();
            assert!(
                end.buffer_bytes() < 100,
                "{} bytes for a header",
                end.buffer_bytes()
            );
            assert_eq!(feed(&mut end, &frame[head..]), [Got::Binary(payload)]);
        }
    }
}

/// Proves: X-mem-2
#[test]
fn earned_room_stays_with_a_peer_that_goes_on() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let large = to(role, FIN | BINARY, &vec![7; 1 << 20]);
        assert_eq!(feed(&mut end, &large).len(), 1);
        assert_eq!(feed(&mut end, &large[..100_000]), []);
        end.release();
        assert!(end.buffer_bytes() >= 1 << 20, "{}", end.buffer_bytes());
    }
}

/// As much room as the message before took, and a little for bytes behind the message.
///
/// Proves: X-mem-2
#[test]
fn large_message_earns_room_for_its_like_and_no_more() {
    // A new thread, whose pool has no buffer of another size.
    let rooms = ROLES.map(|role| std::thread::spawn(move || earned(role)).join().unwrap());
    assert!(
        rooms.iter().all(|room| (65_000..67_000).contains(room)),
        "{rooms:?}"
    );
}

/// Room for a message of 1 MiB, after one of 64 KiB.
fn earned(role: Role) -> usize {
    let mut end = open(role, Config::new());
    let before = to(role, FIN | BINARY, &vec![7; 64 << 10]);
    assert_eq!(feed(&mut end, &before).len(), 1);
    let large = to(role, FIN | BINARY, &vec![7; 1 << 20]);
    assert_eq!(read(&mut end, &large[..FIRST]), 0);
    own_room(&mut end)
}

/// Without a large message before, the room follows the bytes that have come.
///
/// Proves: X-mem-2
#[test]
fn unfinished_message_holds_just_what_has_come() {
    for role in ROLES {
        let beginning = |size: usize| {
            let frame = to(role, FIN | BINARY, &vec![7; 1 << 20]);
            frame[..frame.len() - (1 << 20) + size].to_vec()
        };
        let fragment = |size: usize| to(role, BINARY, &vec![7; size]);
        for (bytes, size) in [
            (beginning(1000), 1000),
            (fragment(1000), 1000),
            (fragment(20_000), 20_000),
        ] {
            let mut end = open(role, Config::new());
            assert_eq!(read(&mut end, &bytes), 0);
            end.release();
            assert!(
                (size..size + 100).contains(&end.buffer_bytes()),
                "{}",
                end.buffer_bytes()
            );
        }
    }
}

/// Zeroed once a message: otherwise, a peer that sends a byte at a time would have all the room
/// zeroed for each.
///
/// Proves: X-cpu-1
#[test]
fn room_that_was_made_ready_stays_ready() {
    let mut end = open(Role::Client, Config::new());
    let large = to(Role::Client, FIN | BINARY, &vec![7; 1 << 20]);
    assert_eq!(feed(&mut end, &large[..100_000]), []);
    for (reads, byte) in large[100_000..100_100].iter().enumerate() {
        let ReadBuf::Large(mut spare) = end.read_buf() else {
            panic!("the rest of a large message is read where it will stay");
        };
        let ready = spare.init();
        if reads > 0 {
            assert_eq!(ready[ready.len() - 1], 0xaa, "zeroed again");
        }
        ready[0] = *byte;
        *ready.last_mut().unwrap() = 0xaa;
        end.filled_large(1);
        assert!(end.poll_event(Instant::now()).unwrap().is_none());
    }
    assert_eq!(
        feed(&mut end, &large[100_100..]),
        [Got::Binary(vec![7; 1 << 20])]
    );
}

/// A reader that reports more bytes than it had room for: those that fit count, and nothing panics.
#[test]
fn more_bytes_than_there_was_room_for_are_clipped() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let frame = to(role, FIN | BINARY, b"whole");
        assert_eq!(end.receive(&frame[..3]), 3);
        let ReadBuf::Slab(slab) = end.read_buf() else {
            panic!("no large message has begun");
        };
        // Bytes behind the frame count as read.
        slab.fill(0);
        slab[..frame.len() - 3].copy_from_slice(&frame[3..]);
        end.filled(usize::MAX);
        let now = Instant::now();
        let Ok(Some(Event::Message(message))) = end.poll_event(now) else {
            panic!("a message");
        };
        assert_eq!(message.as_bytes(), b"whole");
        assert!(end.poll_event(now).is_err(), "zeros are no message");
        end.filled(usize::MAX);
        end.filled_large(usize::MAX);
        assert!(end.poll_event(now).unwrap().is_none());
    }
}
