//! Frame headers, RFC 6455 section 5.2: every form, both roles, every cut.

use wskit_frame::{
    CONTROL_MAX, FrameError, FrameHeader, HeaderRules, LEN_MAX, Masking, OpCode, Parsed,
};

const OPCODES: [OpCode; 6] = [
    OpCode::Continuation,
    OpCode::Text,
    OpCode::Binary,
    OpCode::Close,
    OpCode::Ping,
    OpCode::Pong,
];

const SERVER: HeaderRules = HeaderRules {
    masking: Masking::Required,
    allow_rsv1: false,
};
const CLIENT: HeaderRules = HeaderRules {
    masking: Masking::Forbidden,
    allow_rsv1: false,
};
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn all_rules() -> [HeaderRules; 4] {
    let deflate = |rules| HeaderRules {
        allow_rsv1: true,
        ..rules
    };
    [SERVER, CLIENT, deflate(SERVER), deflate(CLIENT)]
}

/// The rules of sections 5.1 to 5.5 and RFC 7692 section 6 for a whole header,
/// implemented again with arithmetic that cannot wrap.
fn expected(bytes: &[u8; 14], rules: HeaderRules) -> Result<(FrameHeader, usize), FrameError> {
    let bit = |byte: u8, mask: u8| byte & mask == mask;
    let [byte0, byte1, ..] = *bytes;
    let nibble = byte0 % 16;
    let opcode = OPCODES.into_iter().find(|opcode| *opcode as u8 == nibble);
    if bit(byte0, 0x20) || bit(byte0, 0x10) {
        return Err(FrameError::ReservedBits);
    }
    let opcode = opcode.ok_or(FrameError::ReservedOpCode(nibble))?;
    let starts_message = opcode == OpCode::Text || opcode == OpCode::Binary;
    if bit(byte0, 0x40) && !(rules.allow_rsv1 && starts_message) {
        return Err(FrameError::ReservedBits);
    }
    let control = nibble >= 8;
    if control && !bit(byte0, 0x80) {
        return Err(FrameError::FragmentedControl);
    }
    match (rules.masking, bit(byte1, 0x80)) {
        (Masking::Required, false) => return Err(FrameError::MaskMissing),
        (Masking::Forbidden, true) => return Err(FrameError::MaskUnexpected),
        _ => {}
    }
    let short = byte1 % 128;
    if control && short > 125 {
        return Err(FrameError::ControlTooLong(opcode));
    }
    let len_size = [0, 2, 8][usize::from(short.saturating_sub(125))];
    let mut len = u128::from(short);
    if len_size > 0 {
        len = bytes[2..2 + len_size]
            .iter()
            .fold(0, |len, byte| len * 256 + u128::from(*byte));
        if len >= 1 << 63 {
            return Err(FrameError::LengthOverflow);
        }
        if len < [0, 126, 65536][len_size.div_ceil(4)] {
            return Err(FrameError::LengthNotMinimal);
        }
    }
    let mut size = 2 + len_size;
    let mut mask = None;
    if bit(byte1, 0x80) {
        mask = Some([
            bytes[size],
            bytes[size + 1],
            bytes[size + 2],
            bytes[size + 3],
        ]);
        size += 4;
    }
    let len = u64::try_from(len).expect("below 2^63");
    Ok((
        FrameHeader {
            fin: bit(byte0, 0x80),
            rsv1: bit(byte0, 0x40),
            opcode,
            mask,
            len,
        },
        size,
    ))
}

/// The shortest prefix that shows an error.
fn shown_at(error: FrameError, short: u8) -> usize {
    match error {
        FrameError::ReservedBits
        | FrameError::ReservedOpCode(_)
        | FrameError::FragmentedControl => 1,
        FrameError::MaskMissing | FrameError::MaskUnexpected | FrameError::ControlTooLong(_) => 2,
        _ => {
            if short == 126 {
                4
            } else {
                10
            }
        }
    }
}

/// Parses every truncation of `bytes` and compares each with the expectation.
fn check_all_cuts(bytes: &[u8; 14], rules: HeaderRules) {
    let short = bytes[1] & 0x7f;
    let whole = expected(bytes, rules);
    for cut in 0..=bytes.len() {
        let found = FrameHeader::parse(&bytes[..cut], rules);
        let context = format!("{:02x?} {rules:?}", &bytes[..cut]);
        match whole {
            Err(error) if cut >= shown_at(error, short) => {
                assert_eq!(found, Err(error), "{context}");
            }
            Ok((header, size)) if cut >= size => {
                assert_eq!(found, Ok(Parsed::Header { header, size }), "{context}");
            }
            _ => {
                let Ok(Parsed::Incomplete { needed }) = found else {
                    panic!("{found:?} {context}")
                };
                assert!(
                    needed > cut && needed <= FrameHeader::MAX_SIZE,
                    "{needed} {context}"
                );
                if let (Ok((_, size)), true) = (whole, cut >= 2) {
                    assert_eq!(needed, size, "{context}");
                } else if cut < 2 {
                    assert_eq!(needed, 2, "{context}");
                }
            }
        }
    }
}

/// Proves: R6455-5.2-a, R6455-5.2-b, R6455-5.2-i, R6455-5.4-d, R6455-5.5-a, R6455-5.5-b, R7692-6-c
#[test]
fn receiver_decides_every_pair_of_first_bytes_by_the_rules() {
    for rules in all_rules() {
        for first in 0..=u16::MAX {
            let [byte0, byte1] = first.to_be_bytes();
            // Lengths that are too short, shortest and too large for each form.
            for (third, fourth) in [(0, 0x7d), (0, 0x7e), (0xff, 0xff), (0x80, 0)] {
                let mut bytes = [
                    byte0, byte1, third, fourth, 0, 0, 0, 1, 0xaa, 0xbb, 1, 2, 3, 4,
                ];
                check_all_cuts(&bytes, rules);
                if byte1 & 0x7f == 127 {
                    bytes[2..10].copy_from_slice(&u64::from(third).to_be_bytes());
                    check_all_cuts(&bytes, rules);
                } else if byte1 & 0x7f < 126 {
                    break;
                }
            }
        }
    }
}

/// Proves: R6455-5.1-b, R6455-5.1-d
#[test]
fn receiver_refuses_frames_masked_against_their_role() {
    for bytes in [
        &[0x81, 0x00][..],
        &[0x82, 0x7e, 0x00, 0x80],
        &[0x89, 0x00],
        &[0x88, 0x00],
    ] {
        let error = FrameHeader::parse(bytes, SERVER).unwrap_err();
        assert_eq!(error, FrameError::MaskMissing);
        assert_eq!(error.close_code().get(), 1002);
    }
    for byte0 in [0x81, 0x82, 0x00, 0x88, 0x89, 0x8a] {
        let error = FrameHeader::parse(&[byte0, 0x80, 0, 0, 0, 0], CLIENT).unwrap_err();
        assert_eq!(error, FrameError::MaskUnexpected);
        assert_eq!(error.close_code().get(), 1002);
    }
}

/// Proves: R6455-5.2-b
#[test]
fn receiver_refuses_reserved_opcode_from_its_byte() {
    for bits in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(OpCode::from_bits(bits), None);
        for fin in [0, 0x80] {
            let error = Err(FrameError::ReservedOpCode(bits));
            assert_eq!(FrameHeader::parse(&[fin | bits], SERVER), error);
            // A length of 2^62 after it is not read.
            let huge = [fin | bits, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
            assert_eq!(FrameHeader::parse(&huge, SERVER), error);
        }
    }
}

/// Proves: R6455-5.2-c, R6455-5.2-e, R6455-5.2-f, R6455-5.2-i
#[test]
fn both_ends_agree_on_every_form_of_the_header() {
    let forms: [(u64, &[u8]); 9] = [
        (0, &[0x00]),
        (1, &[0x01]),
        (125, &[0x7d]),
        (126, &[0x7e, 0x00, 0x7e]),
        (256, &[0x7e, 0x01, 0x00]),
        (65535, &[0x7e, 0xff, 0xff]),
        (65536, &[0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x0102_0304_0506_0708, &[0x7f, 1, 2, 3, 4, 5, 6, 7, 8]),
        (
            LEN_MAX,
            &[0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
    ];
    let mut sizes = Vec::new();
    for (len, form) in forms {
        for (mask, rules) in [(None, CLIENT), (Some(KEY), SERVER)] {
            let header = FrameHeader {
                fin: true,
                rsv1: false,
                opcode: OpCode::Binary,
                mask,
                len,
            };
            let mut wire = vec![0x82];
            wire.extend(form);
            if mask.is_some() {
                wire[1] |= 0x80;
                wire.extend(KEY);
            }
            let mut out = [0xee; FrameHeader::MAX_SIZE];
            let size = header.encode(&mut out);
            assert_eq!(out[..size], wire);
            assert_eq!(header.encoded_size(), size);
            assert_eq!(
                FrameHeader::parse(&wire, rules),
                Ok(Parsed::Header { header, size })
            );
            for cut in 0..size {
                let needed = if cut < 2 { 2 } else { size };
                assert_eq!(
                    FrameHeader::parse(&wire[..cut], rules),
                    Ok(Parsed::Incomplete { needed })
                );
            }
            sizes.push(size);
        }
    }
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes, [2, 4, 6, 8, 10, 14]);
}

/// Proves: R6455-5.2-d, R6455-5.2-e, R6455-5.5-a
#[test]
fn receiver_reads_64_bit_lengths_without_wrapping() {
    let limit = 1 << 20;
    let lengths = [
        0,
        125,
        126,
        65535,
        65536,
        limit,
        limit + 1,
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
    for len in lengths {
        for opcode in 0..16 {
            for fin in [0, 0x80] {
                for mask_bit in [0, 0x80] {
                    let mut bytes = [
                        fin | opcode,
                        mask_bit | 127,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        1,
                        2,
                        3,
                        4,
                    ];
                    bytes[2..10].copy_from_slice(&len.to_be_bytes());
                    for rules in all_rules() {
                        check_all_cuts(&bytes, rules);
                    }
                }
            }
        }
    }
    let refused = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        FrameHeader::parse(&refused, SERVER),
        Err(FrameError::LengthOverflow)
    );
    let not_minimal = [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    assert_eq!(
        FrameHeader::parse(&not_minimal, SERVER),
        Err(FrameError::LengthNotMinimal)
    );
}

/// Proves: R6455-5.2-e
#[test]
fn receiver_decides_every_16_bit_length() {
    for len in 0..=u16::MAX {
        let [high, low] = len.to_be_bytes();
        let found = FrameHeader::parse(&[0x82, 0xfe, high, low], SERVER);
        if len < 126 {
            assert_eq!(found, Err(FrameError::LengthNotMinimal));
        } else {
            assert_eq!(found, Ok(Parsed::Incomplete { needed: 8 }));
        }
    }
}

/// Proves: R6455-5.5-a
#[test]
fn receiver_takes_control_frame_of_125_bytes() {
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        let byte0 = 0x80 | opcode.bits();
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode,
            mask: None,
            len: CONTROL_MAX as u64,
        };
        assert_eq!(
            FrameHeader::parse(&[byte0, 125], CLIENT),
            Ok(Parsed::Header { header, size: 2 })
        );
        for code in [126, 127] {
            let error = Err(FrameError::ControlTooLong(opcode));
            assert_eq!(FrameHeader::parse(&[byte0, code], CLIENT), error);
        }
    }
}

/// Proves: R7692-6-a, R7692-6-c
#[test]
fn receiver_takes_rsv1_only_where_a_compressed_message_starts() {
    let rules = HeaderRules {
        allow_rsv1: true,
        ..CLIENT
    };
    for (byte0, opcode) in [(0xc1, OpCode::Text), (0xc2, OpCode::Binary)] {
        let header = FrameHeader {
            fin: true,
            rsv1: true,
            opcode,
            mask: None,
            len: 0,
        };
        let parsed = Ok(Parsed::Header { header, size: 2 });
        assert_eq!(FrameHeader::parse(&[byte0, 0], rules), parsed);
        assert_eq!(
            FrameHeader::parse(&[byte0, 0], CLIENT),
            Err(FrameError::ReservedBits)
        );
        assert_eq!(
            FrameHeader::parse(&[byte0], CLIENT),
            Err(FrameError::ReservedBits)
        );
    }
    for byte0 in [0xc0, 0x40, 0xc8, 0xc9, 0xca] {
        assert_eq!(
            FrameHeader::parse(&[byte0], rules),
            Err(FrameError::ReservedBits)
        );
    }
}

/// Proves: R6455-5.4-d, R6455-5.5-a, R7692-6-b
#[test]
fn sender_checks_what_must_not_be_sent() {
    let fine = FrameHeader {
        fin: true,
        rsv1: false,
        opcode: OpCode::Ping,
        mask: None,
        len: 125,
    };
    assert_eq!(fine.check(), Ok(()));
    let cases = [
        (
            FrameHeader { fin: false, ..fine },
            FrameError::FragmentedControl,
        ),
        (FrameHeader { rsv1: true, ..fine }, FrameError::ReservedBits),
        (
            FrameHeader { len: 126, ..fine },
            FrameError::ControlTooLong(OpCode::Ping),
        ),
        (
            FrameHeader {
                rsv1: true,
                opcode: OpCode::Continuation,
                ..fine
            },
            FrameError::ReservedBits,
        ),
        (
            FrameHeader {
                opcode: OpCode::Binary,
                len: LEN_MAX + 1,
                ..fine
            },
            FrameError::LengthOverflow,
        ),
    ];
    for (header, error) in cases {
        assert_eq!(header.check(), Err(error));
    }
}

/// Proves: R6455-5.2-d
#[test]
fn length_above_the_limit_is_no_length_in_memory() {
    let with_len = |len| FrameHeader {
        fin: true,
        rsv1: false,
        opcode: OpCode::Binary,
        mask: None,
        len,
    };
    for limit in [0, 1, 125, 1 << 20, 0x7fff_ffff] {
        let exact = limit as u64;
        assert_eq!(with_len(exact).len_within(limit), Some(limit));
        for over in [
            exact + 1,
            exact + (1 << 32),
            exact | 1 << 62,
            LEN_MAX,
            u64::MAX,
        ] {
            assert_eq!(with_len(over).len_within(limit), None);
        }
    }
}

#[test]
fn opcode_keeps_its_bits() {
    for bits in 0..=u8::MAX {
        match OpCode::from_bits(bits) {
            Some(opcode) => {
                assert_eq!(opcode.bits(), bits);
                assert_eq!(opcode.is_control(), matches!(bits, 8..=10));
                assert_eq!(opcode.is_data(), matches!(bits, 0..=2));
            }
            None => assert!(!matches!(bits, 0..=2 | 8..=10)),
        }
    }
}
