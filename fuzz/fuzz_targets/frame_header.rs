//! Headers against a reference in 128-bit arithmetic, at every cut, and back into the same bytes.
//!
//! Input: a byte of rules (bit 0: masks required, bit 1: RSV1 allowed, bit 2: encode instead), then
//! the bytes of a frame, or the fields of a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_frame::{
    CONTROL_MAX, FrameHeader, HeaderRules, LEN_MAX, Masking, OpCode, Parsed, encode_frame,
};
use wskit_fuzz::{Input, read_header};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let masking = if flags & 1 == 0 {
        Masking::Forbidden
    } else {
        Masking::Required
    };
    let rules = HeaderRules {
        masking,
        allow_rsv1: flags & 2 != 0,
    };
    if flags & 4 == 0 {
        parses_as_the_reference(input.rest(), rules);
    } else {
        encodes_what_it_parses(&mut input);
    }
});

fn parses_as_the_reference(bytes: &[u8], rules: HeaderRules) {
    let bytes = &bytes[..bytes.len().min(20)];
    let masked = rules.masking == Masking::Required;
    let result = FrameHeader::parse(bytes, rules);
    match (result, read_header(bytes, masked, rules.allow_rsv1)) {
        (Ok(Parsed::Header { header, size }), Ok(Some(read))) => {
            let same = header.fin == read.fin
                && header.rsv1 == read.rsv1
                && header.opcode.bits() == read.opcode
                && header.mask == read.mask
                && header.len == read.len
                && size == read.size;
            assert!(
                same,
                "{header:?} of {size} bytes, the reference says {read:?}"
            );
            assert_eq!(
                header.check(),
                Ok(()),
                "what may be received may be sent: {header:?}"
            );
            assert_eq!(header.encoded_size(), size);
            let mut out = [0xaa; FrameHeader::MAX_SIZE];
            assert_eq!(header.encode(&mut out), size);
            assert_eq!(out[..size], bytes[..size], "encoding undoes parsing");
        }
        (Ok(Parsed::Incomplete { needed }), Ok(None)) => {
            assert!(needed > bytes.len() && needed <= FrameHeader::MAX_SIZE);
        }
        (Err(error), Err(expected)) => assert_eq!(error, expected),
        (result, expected) => panic!("{result:?}, the reference says {expected:?}"),
    }

    let mut announced = None;
    for cut in 0..bytes.len() {
        match FrameHeader::parse(&bytes[..cut], rules) {
            Ok(Parsed::Incomplete { needed }) => {
                assert!(needed > cut, "{needed} needed after {cut}");
                if cut >= 2 {
                    assert_eq!(
                        *announced.get_or_insert(needed),
                        needed,
                        "what is needed is final after two bytes"
                    );
                }
                if let Ok(Parsed::Header { size, .. }) = result {
                    assert!(cut < size);
                    assert!(cut < 2 || needed == size);
                }
            }
            other => assert_eq!(other, result, "cut at {cut}"),
        }
    }
}

fn encodes_what_it_parses(input: &mut Input<'_>) {
    let bits = input.byte();
    let Some(opcode) = OpCode::from_bits(bits & 15) else {
        return;
    };
    let mask = (bits & 0x20 != 0).then(|| input.array());
    let len = u64::from_be_bytes(input.array());
    // Most lengths near the borders: the top six bits of the number say how much of it counts.
    let len = if len == 0 {
        0
    } else {
        len.rotate_left(6) >> (len >> 58)
    };
    let header = FrameHeader {
        fin: bits & 0x80 != 0,
        rsv1: bits & 0x40 != 0,
        opcode,
        mask,
        len,
    };

    let mut out = [0xaa; FrameHeader::MAX_SIZE];
    let size = header.encode(&mut out);
    assert_eq!(size, header.encoded_size());
    let masking = if mask.is_some() {
        Masking::Required
    } else {
        Masking::Forbidden
    };
    let parsed = FrameHeader::parse(
        &out[..size],
        HeaderRules {
            masking,
            allow_rsv1: true,
        },
    );
    match header.check() {
        Ok(()) => assert_eq!(parsed, Ok(Parsed::Header { header, size })),
        Err(error) => assert_eq!(
            parsed,
            Err(error),
            "what may not be sent is refused by the peer for that reason"
        ),
    }
    let control = opcode.is_control();
    let allowed = len <= if control { CONTROL_MAX as u64 } else { LEN_MAX }
        && (header.fin || !control)
        && (!header.rsv1 || matches!(opcode, OpCode::Text | OpCode::Binary));
    assert_eq!(header.check().is_ok(), allowed);
    if let Some(fits) = header.len_within(usize::MAX >> 8) {
        assert_eq!(fits as u64, len);
    } else {
        assert!(len > (usize::MAX >> 8) as u64);
    }

    let payload = input.rest();
    let mut frame = vec![0xaa; FrameHeader::MAX_SIZE + payload.len() + 16];
    let written = encode_frame(header.fin, header.rsv1, opcode, mask, payload, &mut frame);
    let header = FrameHeader {
        len: payload.len() as u64,
        ..header
    };
    if let Err(error) = header.check() {
        assert_eq!(written, None, "{error}");
        assert!(
            frame.iter().all(|byte| *byte == 0xaa),
            "nothing is written of a wrong frame"
        );
        return;
    }
    let written = written.expect("there is room");
    let key = mask.unwrap_or_default();
    let size = header.encode(&mut out);
    assert_eq!(written, size + payload.len());
    assert_eq!(frame[..size], out[..size]);
    assert!(
        frame[size..written]
            .iter()
            .zip(payload)
            .enumerate()
            .all(|(at, (out, byte))| *out == byte ^ key[at % 4])
    );
    let mut exact = vec![0; written];
    assert_eq!(
        encode_frame(header.fin, header.rsv1, opcode, mask, payload, &mut exact),
        Some(written)
    );
    assert_eq!(exact, frame[..written], "with exactly the room it needs");
    assert_eq!(
        encode_frame(
            header.fin,
            header.rsv1,
            opcode,
            mask,
            payload,
            &mut exact[..written - 1]
        ),
        None
    );
}
