//! A proxy that forwards frames (RFC 6455 §5.4): the codec alone can preserve fragmentation.

use proptest::prelude::*;
use wskit_frame::{FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed};

const RULES: HeaderRules = HeaderRules {
    masking: Masking::Required,
    // The meaning of RSV1 was negotiated by the endpoints.
    allow_rsv1: true,
};

/// Forwards a client's frames to a server: each header with a key of the proxy's own, each payload
/// masked again.
fn relay(mut wire: &[u8], new_key: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Ok(Parsed::Header { header, size }) = FrameHeader::parse(wire, RULES) {
        let end = size + usize::try_from(header.len).expect("a frame in memory");
        let mut payload = wire[size..end].to_vec();
        Mask::new(header.mask.expect("frames of a client")).apply(&mut payload);
        Mask::new(new_key).apply(&mut payload);
        let mut head = [0; FrameHeader::MAX_SIZE];
        let size = FrameHeader {
            mask: Some(new_key),
            ..header
        }
        .encode(&mut head);
        out.extend_from_slice(&head[..size]);
        out.extend_from_slice(&payload);
        wire = &wire[end..];
    }
    assert!(wire.is_empty(), "all of it is frames");
    out
}

/// A compressed message in three fragments with a ping in between: the same frames are forwarded.
///
/// Proves: R6455-5.4-l
#[test]
fn proxy_leaves_fragments_as_they_are() {
    let frames: [&[u8]; 4] = [
        &[0x41, 0x83, 0, 0, 0, 0, 0xf2, 0x48, 0xcd],
        &[0x89, 0x82, 0, 0, 0, 0, b'h', b'i'],
        &[0x00, 0x80, 0, 0, 0, 0],
        &[0x80, 0x84, 0, 0, 0, 0, 0xc9, 0xc9, 0x07, 0x00],
    ];
    let wire = frames.concat();
    assert_eq!(
        relay(&wire, [0; 4]),
        wire,
        "with the same key the same bytes"
    );
    let masked = relay(&wire, [1, 2, 3, 4]);
    assert_eq!(
        masked[..9],
        [0x41, 0x83, 1, 2, 3, 4, 0xf2 ^ 1, 0x48 ^ 2, 0xcd ^ 3]
    );
    assert_eq!(masked.len(), wire.len());
    assert_eq!(relay(&masked, [0; 4]), wire);
}

proptest! {
    /// Proves: R6455-5.4-l
    #[test]
    fn proxy_keeps_every_frame(
        frames in prop::collection::vec((0_usize..6, any::<bool>(), any::<bool>(), any::<[u8; 4]>(), 0_usize..300), 0..20),
        key in any::<[u8; 4]>(),
    ) {
        let mut wire = Vec::new();
        for (kind, fin, rsv1, mask, len) in frames {
            let opcode = [OpCode::Continuation, OpCode::Text, OpCode::Binary, OpCode::Close, OpCode::Ping, OpCode::Pong][kind];
            let control = opcode.is_control();
            let header = FrameHeader {
                fin: fin || control,
                rsv1: rsv1 && matches!(opcode, OpCode::Text | OpCode::Binary),
                opcode,
                mask: Some(mask),
                len: if control { len % 126 } else { len } as u64,
            };
            let mut head = [0; FrameHeader::MAX_SIZE];
            let size = header.encode(&mut head);
            wire.extend_from_slice(&head[..size]);
            wire.extend((0..header.len).map(|at| at as u8));
        }
        let out = relay(&wire, key);
        let (mut before, mut after) = (&wire[..], &out[..]);
        while !before.is_empty() {
            let Ok(Parsed::Header { header: one, size }) = FrameHeader::parse(before, RULES) else { unreachable!() };
            let Ok(Parsed::Header { header: other, .. }) = FrameHeader::parse(after, RULES) else { unreachable!() };
            prop_assert_eq!((one.fin, one.rsv1, one.opcode, one.len), (other.fin, other.rsv1, other.opcode, other.len));
            let end = size + usize::try_from(one.len).expect("a frame in memory");
            (before, after) = (&before[end..], &after[end..]);
        }
        prop_assert!(after.is_empty());
    }
}
