//! Texts of errors and codes.

use std::error::Error;

use wskit_frame::{
    CONTROL_MAX, CloseCode, CloseEncodeError, ClosePayload, FrameError, InvalidUtf8, OpCode,
    Utf8Check,
};

#[test]
fn close_code_says_its_number_and_meaning() {
    for (code, words) in [
        (0, "0 (undefined)"),
        (999, "999 (undefined)"),
        (1000, "1000 (normal closure)"),
        (1001, "1001 (going away)"),
        (1002, "1002 (protocol error)"),
        (1003, "1003 (unsupported data)"),
        (1004, "1004 (reserved)"),
        (1005, "1005 (no status received)"),
        (1006, "1006 (abnormal closure)"),
        (1007, "1007 (invalid payload data)"),
        (1008, "1008 (policy violation)"),
        (1009, "1009 (message too big)"),
        (1010, "1010 (mandatory extension)"),
        (1011, "1011 (internal error)"),
        (1012, "1012 (service restart)"),
        (1013, "1013 (try again later)"),
        (1014, "1014 (bad gateway)"),
        (1015, "1015 (TLS handshake)"),
        (1016, "1016 (reserved)"),
        (2999, "2999 (reserved)"),
        (3000, "3000 (registered use)"),
        (3999, "3999 (registered use)"),
        (4000, "4000 (private use)"),
        (4999, "4999 (private use)"),
        (5000, "5000 (undefined)"),
        (65535, "65535 (undefined)"),
    ] {
        assert_eq!(CloseCode::new(code).to_string(), words);
        assert_eq!(u16::from(CloseCode::from(code)), code);
    }
}

#[test]
fn frame_error_says_whose_fault_it_was() {
    for (error, words) in [
        (
            FrameError::ReservedBits,
            "the peer set a reserved bit that no negotiated extension uses",
        ),
        (
            FrameError::ReservedOpCode(3),
            "the peer used the reserved opcode 3",
        ),
        (
            FrameError::FragmentedControl,
            "the peer fragmented a control frame",
        ),
        (
            FrameError::ControlTooLong(OpCode::Ping),
            "the peer sent a Ping frame of more than 125 bytes",
        ),
        (
            FrameError::MaskMissing,
            "the client sent a frame without a mask",
        ),
        (FrameError::MaskUnexpected, "the server sent a masked frame"),
        (
            FrameError::LengthNotMinimal,
            "the peer did not write a frame's length in the shortest form",
        ),
        (
            FrameError::LengthOverflow,
            "the peer announced a frame of 2^63 bytes or more",
        ),
        (
            FrameError::CloseTooShort,
            "the peer sent a close frame of a single byte",
        ),
        (
            FrameError::CloseCode(1005),
            "the peer sent the close code 1005, which is not allowed in a frame",
        ),
        (
            FrameError::CloseReasonUtf8,
            "the peer sent a close reason that is not UTF-8",
        ),
    ] {
        let error: Box<dyn Error> = error.into();
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn caller_is_told_why_a_close_cannot_be_written() {
    let mut out = [0; CONTROL_MAX];
    let encode = |code, reason: &str, out: &mut [u8; CONTROL_MAX]| {
        let code = CloseCode::new(code);
        let error: CloseEncodeError = ClosePayload { code, reason }.encode(out).unwrap_err();
        error.to_string()
    };
    let words = encode(1006, "", &mut out);
    assert!(words.contains("1006 (abnormal closure)"), "{words}");
    let words = encode(1000, &"x".repeat(124), &mut out);
    assert!(words.contains("124") && words.contains("123"), "{words}");
    assert_eq!(out, [0; CONTROL_MAX], "nothing is written");
}

#[test]
fn utf8_error_says_so() {
    let error: InvalidUtf8 = Utf8Check::new().push(b"\xff").unwrap_err();
    assert_eq!(error.to_string(), "the text is not valid UTF-8");
}
