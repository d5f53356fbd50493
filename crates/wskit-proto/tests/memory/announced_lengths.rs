//! Headers of every kind with every length that other implementations have failed on. They are
//! judged when complete, with arithmetic that cannot overflow, and take no more memory than a
//! header.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Role};
use wskit_test::alloc::rise;

const LIMIT: u128 = 1 << 20;

const LENGTHS: [u64; 18] = [
    0,
    125,
    126,
    65_535,
    65_536,
    1 << 20,
    (1 << 20) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) + 1,
    1 << 62,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 13,
    u64::MAX - 3,
    u64::MAX,
];

/// Returns the close code of a header: §5.1, §5.2, §5.4 and §5.5 first, then the limit.
fn code(role: Role, first: u8, second: u8, len: u128, opened: bool) -> Option<u16> {
    let opcode = first & 0x0f;
    let control = opcode >= 8;
    let form = match second & 0x7f {
        126 => 126..=0xffff,
        127 => 0x1_0000..=(1 << 63) - 1,
        _ => 0..=125,
    };
    let wrong = !matches!(opcode, 0..=2 | 8..=10)
        || (control && first & FIN == 0)
        || (second & 0x80 != 0) != (role == Role::Server)
        || (control && second & 0x7f > 125)
        || !form.contains(&len)
        || (!control && opened != (opcode == CONTINUATION));
    if wrong {
        Some(1002)
    } else {
        (len > LIMIT).then_some(1009)
    }
}

/// Every length, opcode, FIN and mask bit, inside a message and between two, in the shortest form
/// and in that of 64 bits.
///
/// Proves: R6455-5.2-d, R6455-5.2-e, R6455-10.4-a, X-mem-2
#[test]
fn every_header_is_judged_alone_and_costs_nothing() {
    let now = Instant::now();
    // Fill the thread's pools.
    for role in ROLES {
        let mut end = open(role, Config::new());
        let _ = feed(&mut end, &to(role, FIN | BINARY, b"warm"));
        end.feed("warm").unwrap();
    }
    for (role, opened) in ROLES.map(|role| [(role, false), (role, true)]).concat() {
        for (first, masked) in (0..16)
            .flat_map(|opcode| [opcode, FIN | opcode].map(|first| [(first, false), (first, true)]))
            .flatten()
        {
            for (len, shortest) in LENGTHS.map(|len| [(len, true), (len, false)]).concat() {
                let key = masked.then_some(KEY);
                let mut bytes = header(first, key, len);
                if !shortest {
                    bytes = vec![first, if masked { 0xff } else { 0x7f }];
                    bytes.extend(len.to_be_bytes());
                    bytes.extend(key.iter().flatten());
                }
                let expected = code(role, first, bytes[1], u128::from(len), opened);
                let mut end = open(role, Config::new());
                if opened {
                    assert_eq!(feed(&mut end, &to(role, BINARY, b"")), []);
                }
                let mut found = None;
                let risen = rise(|| {
                    assert_eq!(end.receive(&bytes), bytes.len());
                    loop {
                        match end.poll_event(now) {
                            Ok(Some(_)) => {}
                            Ok(None) => break,
                            Err(error) => found = Some(error.close_code().get()),
                        }
                    }
                    end.release();
                });
                let context = format!("{role:?}, {bytes:02x?}, inside a message: {opened}");
                assert_eq!(found, expected, "{context}");
                assert!(risen < 1 << 10, "{risen} bytes for {context}");
            }
        }
    }
}
