//! Values at the limit of a rule, which show errors by one.

use wskit_frame::{FrameError, FrameHeader, LEN_MAX, OpCode, Utf8Check, is_utf8};

/// Proves: R6455-5.2-d
#[test]
fn longest_frame_that_can_be_announced_may_be_sent() {
    let header = |len| FrameHeader {
        fin: true,
        rsv1: false,
        opcode: OpCode::Binary,
        mask: None,
        len,
    };
    assert_eq!(header(LEN_MAX).check(), Ok(()));
    assert_eq!(header(LEN_MAX + 1).check(), Err(FrameError::LengthOverflow));
}

/// A test for ASCII by words must not miss a word of high bits.
#[test]
fn high_bytes_alone_are_never_text() {
    for byte in [0x80, 0xbf, 0xc0, 0xff] {
        for len in 1..=160 {
            let bytes = vec![byte; len];
            assert!(!is_utf8(&bytes), "{len} times {byte:#x}");
            let mut check = Utf8Check::new();
            let pushed = check.push(&bytes);
            assert!(pushed.and_then(|()| check.finish()).is_err());
            // A single one among ASCII is found too.
            let mut text = vec![b'a'; 160];
            text[len - 1] = byte;
            assert!(!is_utf8(&text), "{byte:#x} at {}", len - 1);
        }
    }
}
