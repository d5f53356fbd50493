//! Lengths on targets with 32-bit memory. The assertions are evaluated at compile time: `cargo
//! check --tests --target i686-unknown-linux-gnu` checks them without a machine to run them.

use wskit_frame::{FrameHeader, LEN_MAX, OpCode};

const fn within(len: u64, limit: usize) -> Option<usize> {
    let header = FrameHeader {
        fin: true,
        rsv1: false,
        opcode: OpCode::Binary,
        mask: None,
        len,
    };
    header.len_within(limit)
}

/// A cast to 32 bits would bring these within the limit.
const OVER: [u64; 4] = [
    1 << 32,
    (1 << 32) + 9,
    (1 << 62) + 10,
    LEN_MAX - 0xffff_fff6,
];

const _: () = {
    assert!(matches!(within(10, 10), Some(10)));
    assert!(within(11, 10).is_none());
    let mut at = 0;
    while at < OVER.len() {
        assert!(within(OVER[at], 10).is_none());
        at += 1;
    }
};

/// Proves: R6455-5.2-d
#[test]
fn length_above_the_limit_is_none_at_any_width() {
    for len in OVER {
        assert_eq!(within(len, 10), None);
        assert!(len as u32 <= 10, "a cast would let it pass");
    }
}
