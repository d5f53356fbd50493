//! RFC 6455 §5.2 and §5.7: the frame on the wire.
#![allow(
    clippy::large_stack_arrays,
    reason = "payloads of the sizes where something changes"
)]
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "lending a message is what is tested"
)]

use crate::wire::*;
use wskit_proto::{Config, FrameError, MessageKind, ProtocolError, Role};

fn error(error: FrameError) -> [Got; 1] {
    [Got::Error(ProtocolError::Frame(error))]
}

/// Proves: R6455-5.2-a
#[test]
fn reserved_bits_fail_the_connection() {
    for role in ROLES {
        for bits in 1..8 {
            for opcode in [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] {
                let mut end = open(role, Config::new());
                let bytes = to(role, FIN | bits << 4 | opcode, b"");
                assert_eq!(feed(&mut end, &bytes[..1]), error(FrameError::ReservedBits));
                assert_failed_with(&mut end, 1002);
            }
        }
    }
}

/// Proves: R6455-5.2-b
#[test]
fn reserved_opcode_fails_the_connection_before_its_payload() {
    for role in ROLES {
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            for fragment_before in [false, true] {
                let mut end = open(role, Config::new());
                if fragment_before {
                    assert_eq!(feed(&mut end, &to(role, TEXT, b"a")), []);
                }
                assert_eq!(
                    feed(&mut end, &[FIN | opcode]),
                    error(FrameError::ReservedOpCode(opcode))
                );
                assert_failed_with(&mut end, 1002);
            }
        }
    }
}

/// Proves: R6455-5.2-d, R6455-5.2-e, R6455-10.4-a, X-mem-2
#[test]
fn length_is_judged_by_the_header_alone() {
    let limit = 1 << 20;
    let too_big = Got::Error(ProtocolError::MessageTooBig { limit });
    let not_minimal = Got::Error(ProtocolError::Frame(FrameError::LengthNotMinimal));
    let overflow = Got::Error(ProtocolError::Frame(FrameError::LengthOverflow));
    let mut table: Vec<(u64, Vec<Got>)> = [0_u64, 125, 126, 65_535]
        .map(|len| (len, vec![not_minimal.clone()]))
        .to_vec();
    table.extend([65_536, limit as u64].map(|len| (len, vec![])));
    table.extend(
        [
            limit as u64 + 1,
            (1 << 31) - 1,
            1 << 31,
            (1 << 32) - 1,
            1 << 32,
            (1 << 53) + 1,
            1 << 62,
            (1 << 63) - 1,
        ]
        .map(|len| (len, vec![too_big.clone()])),
    );
    table.extend(
        [1 << 63, u64::MAX - 13, u64::MAX - 3, u64::MAX].map(|len| (len, vec![overflow.clone()])),
    );
    for role in ROLES {
        for (first, opened) in [
            (TEXT, false),
            (FIN | BINARY, false),
            (CONTINUATION, true),
            (FIN, true),
        ] {
            for (len, expected) in &table {
                let mut end = open(role, Config::new());
                if opened {
                    assert_eq!(feed(&mut end, &to(role, BINARY, b"")), []);
                }
                let (bit, key) = if role == Role::Server {
                    (0x80, &KEY[..])
                } else {
                    (0, &[][..])
                };
                let mut bytes = vec![first, bit | 127];
                bytes.extend(len.to_be_bytes());
                bytes.extend(key);
                assert_eq!(&feed(&mut end, &bytes), expected, "{len} {first:x}");
                end.release();
                let _ = end.take_output();
                assert!(
                    end.buffer_bytes() <= 256,
                    "nothing is held for what was only announced"
                );
            }
        }
    }
}

/// Proves: R6455-5.2-e
#[test]
fn sixteen_bit_length_must_need_them() {
    for (len, expected) in [
        (125_u16, error(FrameError::LengthNotMinimal).to_vec()),
        (126, vec![]),
    ] {
        let mut server = server();
        let mut bytes = vec![0x82, 0xfe];
        bytes.extend(len.to_be_bytes());
        bytes.extend(KEY);
        assert_eq!(feed(&mut server, &bytes), expected);
        // Also when the whole payload has come.
        let mut server = open(Role::Server, Config::new());
        bytes.extend(vec![0; usize::from(len)]);
        assert_eq!(feed(&mut server, &bytes).len(), 1);
        let failed = sent(&mut server).len() == 1;
        assert_eq!(failed, len == 125);
    }
}

/// Proves: R6455-5.2-e, R6455-5.2-f, R6455-5.3-f, R6455-5.2-c
#[test]
fn both_ends_write_the_shortest_length() {
    for (len, size) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        for role in ROLES {
            let mut end = open(role, Config::new());
            end.feed(&vec![5; len]).unwrap();
            let output = end.take_output();
            let key = if role == Role::Client { 4 } else { 0 };
            assert_eq!(output.len(), size + key + len);
            assert_eq!(output, to(other(role), FIN | BINARY, &vec![5; len]));
            assert_eq!(
                feed(&mut open(other(role), Config::new()), &output),
                [Got::Binary(vec![5; len])]
            );
        }
    }
}

/// Proves: R6455-5.7-a
#[test]
fn sample_frames_decode_as_printed() {
    let mut client = client();
    let mut session = vec![0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    session.extend([0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]);
    session.extend([0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    session.extend([&[0x82, 0x7e, 0x01, 0x00][..], &[1; 256]].concat());
    session.extend([&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[2; 65_536]].concat());
    let expected = [
        text("Hello"),
        text("Hello"),
        Got::Ping(b"Hello".to_vec()),
        Got::Binary(vec![1; 256]),
        Got::Binary(vec![2; 65_536]),
    ];
    assert_eq!(feed(&mut client, &session), expected);
    let pong = [
        0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(client.take_output(), pong);
}

/// Proves: R6455-5.2-h
#[test]
fn fin_decides_with_the_opcode() {
    // The outcome between messages, and inside a message, for each FIN and opcode.
    let unexpected = || vec![Got::Error(ProtocolError::UnexpectedContinuation)];
    let expected = |begun| vec![Got::Error(ProtocolError::ExpectedContinuation { begun })];
    for role in ROLES {
        let table: [(u8, Vec<Got>, Vec<Got>); 6] = [
            (FIN | TEXT, vec![text("b")], expected(MessageKind::Text)),
            (TEXT, vec![], expected(MessageKind::Text)),
            (
                FIN | BINARY,
                vec![Got::Binary(b"b".to_vec())],
                expected(MessageKind::Binary),
            ),
            (BINARY, vec![], expected(MessageKind::Binary)),
            (FIN, unexpected(), vec![text("ab")]),
            (CONTINUATION, unexpected(), vec![]),
        ];
        for (first, alone, within) in table {
            let frame = to(role, first, b"b");
            assert_eq!(feed(&mut open(role, Config::new()), &frame), alone);
            let both = [to(role, TEXT, b"a"), frame].concat();
            assert_eq!(feed(&mut open(role, Config::new()), &both), within);
        }
    }
}

/// Proves: R6455-5.6-b
#[test]
fn binary_passes_every_byte() {
    let all: Vec<u8> = (0..=255).collect();
    for role in ROLES {
        assert_eq!(
            feed(
                &mut open(role, Config::new()),
                &to(role, FIN | BINARY, &all)
            ),
            [Got::Binary(all.clone())]
        );
    }
}
