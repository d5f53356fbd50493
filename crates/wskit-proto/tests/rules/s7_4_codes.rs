//! RFC 6455 §7.4: close codes.

use crate::wire::*;
use wskit_proto::{
    CloseCode, CloseFrame, Config, FrameError, MessageKind, ProtocolError, SendError, State,
};

fn allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Proves: R6455-7.4.1-a, R6455-7.4.1-b, R6455-7.4.1-c, R6455-7.4.1-d, R6455-7.4.2-a
#[test]
fn every_code_is_taken_or_refused() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let mut end = open(role, Config::new());
            let got = feed(&mut end, &close_to(role, code));
            if allowed(code) {
                assert_eq!(got, [close(code)]);
                assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(code, ""))]);
            } else {
                assert_eq!(
                    got,
                    [Got::Error(ProtocolError::Frame(FrameError::CloseCode(
                        code
                    )))]
                );
                assert_failed_with(&mut end, 1002);
            }
        }
    }
}

/// Proves: R6455-7.4-a, R6455-7.4.1-a, R6455-7.4.1-b, R6455-7.4.1-c, R6455-7.4.1-d, R6455-7.4.2-a
#[test]
fn only_codes_for_the_wire_are_sent() {
    for code in 0..=u16::MAX {
        let mut end = server();
        let closed = end.close(Some(CloseFrame::new(CloseCode::new(code), "")));
        if allowed(code) {
            assert_eq!(closed, Ok(()));
            assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(code, ""))]);
        } else {
            assert_eq!(
                closed,
                Err(SendError::InvalidCloseCode(CloseCode::new(code)))
            );
            assert_eq!(end.state(), State::Open);
            assert_eq!(end.take_output(), b"");
        }
    }
}

/// Proves: R6455-7.4.1-e, R6455-7.1.7-b, R6455-10.7-b
#[test]
fn every_error_has_its_code() {
    let table = [
        (ProtocolError::Frame(FrameError::ReservedBits), 1002),
        (ProtocolError::Frame(FrameError::MaskMissing), 1002),
        (ProtocolError::Frame(FrameError::CloseReasonUtf8), 1007),
        (ProtocolError::UnexpectedContinuation, 1002),
        (
            ProtocolError::ExpectedContinuation {
                begun: MessageKind::Text,
            },
            1002,
        ),
        (ProtocolError::InvalidUtf8, 1007),
        (ProtocolError::MessageTooBig { limit: 1 }, 1009),
        (ProtocolError::FrameTooBig { size: 2, limit: 1 }, 1009),
        (ProtocolError::TooManyFragments { limit: 1 }, 1008),
        (ProtocolError::Compression, 1007),
    ];
    for (error, code) in table {
        assert_eq!(error.close_code().get(), code);
        assert!(!error.to_string().is_empty());
    }
}
