//! Whole frames, RFC 6455 sections 5.2 to 5.7: golden bytes and round trips.

use proptest::prelude::*;
use wskit_frame::{FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed, encode_frame};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The header, the unmasked payload and the bytes taken.
fn decode(wire: &[u8], allow_rsv1: bool) -> (FrameHeader, Vec<u8>, usize) {
    let masking = if wire[1] & 0x80 == 0 {
        Masking::Forbidden
    } else {
        Masking::Required
    };
    let found = FrameHeader::parse(
        wire,
        HeaderRules {
            masking,
            allow_rsv1,
        },
    );
    let Ok(Parsed::Header { header, size }) = found else {
        panic!("{found:?}")
    };
    let end = size + usize::try_from(header.len).expect("a frame in memory");
    let mut payload = wire[size..end].to_vec();
    if let Some(key) = header.mask {
        Mask::new(key).apply(&mut payload);
    }
    (header, payload, end)
}

/// Encodes into buffers with and without slack and checks that they agree.
fn encode(fin: bool, rsv1: bool, opcode: OpCode, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        fin,
        rsv1,
        opcode,
        mask,
        len: payload.len() as u64,
    };
    let size = header.encoded_size() + payload.len();
    let mut frame = vec![0; size];
    assert_eq!(
        encode_frame(fin, rsv1, opcode, mask, payload, &mut frame),
        Some(size)
    );
    let mut slack = vec![0xee; size + 16];
    assert_eq!(
        encode_frame(fin, rsv1, opcode, mask, payload, &mut slack),
        Some(size)
    );
    assert_eq!(slack[..size], frame);
    let mut short = vec![0xee; size - 1];
    assert_eq!(
        encode_frame(fin, rsv1, opcode, mask, payload, &mut short),
        None
    );
    assert!(short.iter().all(|byte| *byte == 0xee), "nothing is written");
    frame
}

fn golden(wire: &[u8], fin: bool, opcode: OpCode, mask: Option<[u8; 4]>, payload: &[u8]) {
    assert_eq!(encode(fin, false, opcode, mask, payload), wire);
    let (header, decoded, end) = decode(wire, false);
    let len = payload.len() as u64;
    assert_eq!(
        header,
        FrameHeader {
            fin,
            rsv1: false,
            opcode,
            mask,
            len
        }
    );
    assert_eq!((&decoded[..], end), (payload, wire.len()));
}

/// Proves: R6455-5.7-a, R6455-5.2-f, R6455-5.3-f
#[test]
fn both_ends_agree_with_the_samples_of_the_rfc() {
    golden(b"\x81\x05Hello", true, OpCode::Text, None, b"Hello");
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    golden(masked, true, OpCode::Text, Some(KEY), b"Hello");
    golden(b"\x01\x03Hel", false, OpCode::Text, None, b"Hel");
    golden(b"\x80\x02lo", true, OpCode::Continuation, None, b"lo");
    golden(b"\x89\x05Hello", true, OpCode::Ping, None, b"Hello");
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    golden(pong, true, OpCode::Pong, Some(KEY), b"Hello");
    let bytes: Vec<u8> = (0..=255).cycle().take(65536).collect();
    let wire = [b"\x82\x7e\x01\x00", &bytes[..256]].concat();
    golden(&wire, true, OpCode::Binary, None, &bytes[..256]);
    let wire = [b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", &bytes[..]].concat();
    golden(&wire, true, OpCode::Binary, None, &bytes);
}

/// Proves: R6455-5.5.1-d, R6455-5.3-a
#[test]
fn client_close_frame_is_masked() {
    golden(
        b"\x88\x82\x37\xfa\x21\x3d\x34\x12",
        true,
        OpCode::Close,
        Some(KEY),
        b"\x03\xe8",
    );
    golden(
        b"\x88\x80\x37\xfa\x21\x3d",
        true,
        OpCode::Close,
        Some(KEY),
        b"",
    );
}

/// Proves: R7692-6-a
#[test]
fn both_ends_agree_with_the_compressed_sample_of_rfc_7692() {
    let payload = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let wire = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(encode(true, true, OpCode::Text, None, payload), wire);
    let (header, decoded, _) = decode(wire, true);
    assert!(header.rsv1);
    assert_eq!(decoded, payload);
}

/// Proves: R6455-5.4-d, R6455-5.5-a, R7692-6-b
#[test]
fn sender_writes_no_frame_that_must_not_be() {
    let mut out = [0xee; 512];
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        assert_eq!(
            encode_frame(true, false, opcode, None, &[0; 126], &mut out),
            None
        );
        assert_eq!(
            encode_frame(false, false, opcode, None, &[], &mut out),
            None
        );
        assert_eq!(encode_frame(true, true, opcode, None, &[], &mut out), None);
    }
    assert_eq!(
        encode_frame(true, true, OpCode::Continuation, None, &[], &mut out),
        None
    );
    assert_eq!(out, [0xee; 512]);
    assert_eq!(
        encode_frame(true, false, OpCode::Ping, None, &[0; 125], &mut out),
        Some(127)
    );
}

/// Proves: R6455-5.2-e, R6455-5.3-a, R6455-5.3-f, R6455-6.2-d
#[test]
fn server_reads_frames_of_every_length_around_the_forms() {
    for len in (0..300).chain(65_400..65_700) {
        let payload: Vec<u8> = (0..len).map(|at: usize| (at * 7) as u8).collect();
        for mask in [None, Some(KEY)] {
            let wire = encode(true, false, OpCode::Binary, mask, &payload);
            let (header, decoded, end) = decode(&wire, false);
            assert_eq!(
                (header.mask, decoded, end),
                (mask, payload.clone(), wire.len())
            );
        }
    }
}

fn opcodes() -> impl Strategy<Value = OpCode> {
    prop::sample::select(vec![OpCode::Continuation, OpCode::Text, OpCode::Binary])
}

proptest! {
    /// Proves: R6455-5.3-a, R6455-6.2-d
    #[test]
    fn frame_survives_encoding_and_decoding(
        fin: bool,
        compressed: bool,
        opcode in opcodes(),
        mask: Option<[u8; 4]>,
        payload in prop::collection::vec(any::<u8>(), 0..700),
    ) {
        let rsv1 = compressed && opcode != OpCode::Continuation;
        let wire = encode(fin, rsv1, opcode, mask, &payload);
        let (header, decoded, end) = decode(&wire, true);
        let len = payload.len() as u64;
        prop_assert_eq!(header, FrameHeader { fin, rsv1, opcode, mask, len });
        prop_assert_eq!(decoded, payload);
        prop_assert_eq!(end, wire.len());
    }

    /// Proves: R6455-5.2-d
    #[test]
    fn header_of_any_bytes_is_judged_alike_however_it_is_cut(
        bytes: [u8; 14], required: bool, allow_rsv1: bool,
    ) {
        let masking = if required { Masking::Required } else { Masking::Forbidden };
        let rules = HeaderRules { masking, allow_rsv1 };
        let whole = FrameHeader::parse(&bytes, rules);
        let cut_whole = (0..=14)
            .map(|cut| FrameHeader::parse(&bytes[..cut], rules))
            .find(|found| !matches!(found, Ok(Parsed::Incomplete { .. })));
        prop_assert_eq!(cut_whole, Some(whole));
        if let Ok(Parsed::Header { header, size }) = whole {
            let mut out = [0; 14];
            prop_assert_eq!(header.check(), Ok(()));
            prop_assert_eq!(header.encode(&mut out), size);
            prop_assert_eq!(&out[..size], &bytes[..size], "the shortest form is the only one");
        }
    }
}
