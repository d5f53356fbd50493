//! Servers of other protocols are recognized by their first bytes, without waiting.

mod wire;

use wire::{RESPONSE, client, connected};
use wskit_handshake::{HandshakeError, Progress};

const GREETINGS: [&[u8]; 12] = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"220 mail.example ESMTP\r\n",
    b"-ERR unknown command\r\n",
    b"+OK POP3 ready\r\n",
    b"* OK IMAP4rev1 ready\r\n",
    b"RFB 003.008\n",
    b"HELLO",
    b"H\x00",
    b"HTTP",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    b"J\x00\x00\x00\n8.0.36\x00",
];

#[test]
fn greeting_of_another_protocol_is_refused_at_once() {
    for greeting in GREETINGS {
        let mut handshake = client();
        let outcome = handshake.receive(greeting);
        if greeting == b"HTTP" {
            assert!(matches!(outcome, Ok(Progress::NeedMore)));
            continue;
        }
        let Err(HandshakeError::NotHttp(answer)) = outcome else {
            panic!("{}: {outcome:?}", greeting.escape_ascii());
        };
        assert_eq!(answer.bytes(), greeting);
        // The peer then closes, which does not change the error.
        let end = handshake.receive_eof();
        assert!(matches!(end, HandshakeError::NotHttp(_)), "{end:?}");
    }
}

#[test]
fn first_byte_that_is_none_of_http_is_refused_at_once() {
    let expected = b"HTTP/1.";
    for (at, right) in expected.iter().enumerate() {
        for byte in 0..=u8::MAX {
            let mut handshake = client();
            for before in &expected[..at] {
                assert!(matches!(
                    handshake.receive(&[*before]),
                    Ok(Progress::NeedMore)
                ));
            }
            let outcome = handshake.receive(&[byte]);
            assert_eq!(outcome.is_ok(), byte == *right, "{at} {byte}: {outcome:?}");
        }
    }
    // The head after an interim response too.
    let mut handshake = client();
    let outcome = handshake.receive(b"HTTP/1.1 100 Continue\r\n\r\nSSH-2.0-x");
    assert!(outcome.is_err(), "{outcome:?}");
    connected(format!("HTTP/1.1 100 Continue\r\n\r\n{RESPONSE}"));
}
