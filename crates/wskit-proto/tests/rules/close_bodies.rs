//! RFC 6455 §5.5.1: every possible Close body, in both directions, and how it is shown.

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::{CloseCode, CloseFrame, Config, FrameError, ProtocolError};

/// Every body of one byte, and every body of two: a code, or refused for its code.
///
/// Proves: R6455-5.5.1-a
#[test]
fn short_close_bodies_are_codes_or_refused() {
    for role in ROLES {
        for byte in 0..=u8::MAX {
            let mut end = open(role, Config::new());
            let error = ProtocolError::Frame(FrameError::CloseTooShort);
            assert_eq!(
                feed(&mut end, &to(role, FIN | CLOSE, &[byte])),
                [Got::Error(error)]
            );
            assert_failed_with(&mut end, 1002);
        }
        for code in 0..=u16::MAX {
            let mut end = open(role, Config::new());
            let got = feed(&mut end, &to(role, FIN | CLOSE, &code.to_be_bytes()));
            let answer = match &got[..] {
                [Got::Close(Some((told, reason)))] => {
                    assert_eq!((*told, reason.as_str()), (code, ""));
                    code
                }
                [Got::Error(ProtocolError::Frame(FrameError::CloseCode(told)))] => {
                    assert_eq!(*told, code);
                    1002
                }
                other => panic!("{code}: {other:?}"),
            };
            let [(first, body)] = &sent(&mut end)[..] else {
                panic!("{code}: one Close is sent")
            };
            assert_eq!(
                (*first, &body[..2]),
                (FIN | CLOSE, &answer.to_be_bytes()[..])
            );
        }
    }
}

proptest! {
    /// A sent body begins with the code, and the receiving peer shows nothing that a terminal or a
    /// log would act on.
    ///
    /// Proves: R6455-5.5.1-a, R6455-5.5.1-c
    #[test]
    fn close_is_sent_as_code_and_reason_and_shown_escaped(
        code in prop_oneof![1000_u16..=1003, 1007_u16..=1014, 3000_u16..=4999],
        reason in "[\\PC\u{0}-\u{1f}\u{7f}-\u{9f}\u{1b}\u{202e}\u{2028}\u{feff}\r\n]{0,30}",
    ) {
        prop_assume!(reason.len() <= 123);
        for role in ROLES {
            let mut end = open(role, Config::new());
            let close = CloseFrame::new(CloseCode::new(code), reason.as_str());
            end.close(Some(close)).unwrap();
            prop_assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(code, &reason))]);

            let mut peer = open(other(role), Config::new());
            let bytes = to(other(role), FIN | CLOSE, &close_body(code, &reason));
            let got = feed(&mut peer, &bytes);
            prop_assert_eq!(got, [Got::Close(Some((code, reason.clone())))]);
            let close = CloseFrame::new(CloseCode::new(code), reason.as_str());
            let _ = peer.take_output();
            peer.transport_shut_down();
            peer.receive_eof();
            let outcome = peer.outcome().expect("it is over");
            prop_assert_eq!(outcome.reason(), reason.as_str());
            for shown in [close.to_string(), outcome.to_string(), format!("{close:?}"), format!("{outcome:?}")] {
                prop_assert!(
                    !shown.contains(|char: char| char.is_control() || "\u{202e}\u{2028}\u{feff}".contains(char)),
                    "{}", shown.escape_debug()
                );
            }
        }
    }
}
