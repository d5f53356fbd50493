//! Close codes and close payloads, RFC 6455 sections 5.5.1 and 7.4.

use wskit_frame::{CloseCode, CloseEncodeError, ClosePayload, FrameError, truncate_reason};

/// Proves: R6455-7.4.2-a, R6455-7.4.1-a, R6455-7.4.1-b, R6455-7.4.1-c, R6455-7.4.1-d
#[test]
fn both_ends_allow_the_same_set_of_all_codes() {
    for number in 0..=u16::MAX {
        let allowed = match number {
            1004..=1006 => false,
            1000..=1014 | 3000..=4999 => true,
            _ => false,
        };
        let code = CloseCode::new(number);
        assert_eq!(code.is_sendable(), allowed, "{number}");
        assert_eq!(u16::from(CloseCode::from(number)), number);

        let payload = number.to_be_bytes();
        let found = ClosePayload::parse(&payload);
        let mut out = [0xee; 125];
        let sent = ClosePayload { code, reason: "" }.encode(&mut out);
        if allowed {
            assert_eq!(found, Ok(Some(ClosePayload { code, reason: "" })));
            assert_eq!((sent, &out[..2]), (Ok(2), &payload[..]));
        } else {
            assert_eq!(found, Err(FrameError::CloseCode(number)));
            assert_eq!(FrameError::CloseCode(number).close_code().get(), 1002);
            assert_eq!(sent, Err(CloseEncodeError::CodeNotSendable(code)));
            assert_eq!(out, [0xee; 125], "nothing is written");
        }
    }
}

#[test]
fn code_is_shown_with_its_meaning() {
    let shown = |code: u16| CloseCode::new(code).to_string();
    assert_eq!(shown(1000), "1000 (normal closure)");
    assert_eq!(shown(1006), "1006 (abnormal closure)");
    assert_eq!(shown(1004), "1004 (reserved)");
    assert_eq!(shown(2999), "2999 (reserved)");
    assert_eq!(shown(3000), "3000 (registered use)");
    assert_eq!(shown(4999), "4999 (private use)");
    assert_eq!(shown(999), "999 (undefined)");
    assert_eq!(shown(5000), "5000 (undefined)");
}

/// Proves: R6455-5.5.1-b
#[test]
fn receiver_reads_code_and_reason() {
    let code = CloseCode::GOING_AWAY;
    assert_eq!(ClosePayload::parse(b""), Ok(None));
    assert_eq!(
        ClosePayload::parse(b"\x03\xe9bye \xe2\x82\xac"),
        Ok(Some(ClosePayload {
            code,
            reason: "bye €"
        }))
    );
    let longest = [b"\x03\xe9", &[b'x'; 123][..]].concat();
    let parsed = ClosePayload::parse(&longest).unwrap().unwrap();
    assert_eq!(parsed.reason.len(), ClosePayload::MAX_REASON);
}

/// Proves: R6455-5.5.1-b
#[test]
fn receiver_refuses_bad_close_payloads() {
    for byte in 0..=u8::MAX {
        assert_eq!(ClosePayload::parse(&[byte]), Err(FrameError::CloseTooShort));
    }
    assert_eq!(
        FrameError::CloseTooShort.close_code(),
        CloseCode::PROTOCOL_ERROR
    );
    for reason in [
        &[0x80][..],
        &[0xc3],
        &[0xed, 0xa0, 0x80],
        &[b'a', 0xe2, 0x82],
    ] {
        let payload = [b"\x03\xe8", reason].concat();
        assert_eq!(
            ClosePayload::parse(&payload),
            Err(FrameError::CloseReasonUtf8)
        );
    }
    assert_eq!(
        FrameError::CloseReasonUtf8.close_code(),
        CloseCode::INVALID_PAYLOAD
    );
}

/// Proves: R6455-5.5.1-b, R6455-5.5-a
#[test]
fn sender_writes_reasons_of_up_to_123_bytes() {
    let reason = "r".repeat(200);
    for len in 0..=200 {
        let payload = ClosePayload {
            code: CloseCode::NORMAL,
            reason: &reason[..len],
        };
        let mut out = [0xee; 125];
        let sent = payload.encode(&mut out);
        if len <= 123 {
            assert_eq!(sent, Ok(len + 2));
            assert_eq!(ClosePayload::parse(&out[..len + 2]), Ok(Some(payload)));
        } else {
            assert_eq!(sent, Err(CloseEncodeError::ReasonTooLong(len)));
            assert_eq!(out, [0xee; 125], "nothing is written");
        }
    }
}

/// Proves: R6455-5.5.1-b
#[test]
fn reason_is_cut_between_characters() {
    for char in ["a", "é", "語", "𝄞"] {
        for pad in 0..4 {
            for count in 0..130 {
                let reason = "x".repeat(pad) + &char.repeat(count);
                let cut = truncate_reason(&reason);
                assert!(reason.starts_with(cut) && cut.len() <= 123);
                if reason.len() <= 123 {
                    assert_eq!(cut, reason);
                } else {
                    assert!(cut.len() + char.len() > 123, "no shorter than it must be");
                }
            }
        }
    }
}
