//! RFC 6455 §5.2, §5.8: what an extension adds, and the rules without one. RFC 7692 §8: data that
//! is better left uncompressed.

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, FrameError, Outgoing, PreparedMessage, ProtocolError, Role};

const RSV1: u8 = 0x40;
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn agreed(role: Role) -> Params {
    let role = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    Params::new(role, Window::FULL, Window::FULL)
}

/// Without an extension, every byte of the payload is the message; with permessage-deflate, every
/// byte is compressed data. Neither removes a header of its own.
///
/// Proves: R6455-5.2-g
#[test]
fn payload_has_no_extension_data() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let got = feed(&mut end, &to(role, FIN | BINARY, &HELLO));
        assert_eq!(got, [Got::Binary(HELLO.to_vec())]);

        let mut end =
            open(role, Config::new()).with_deflate(agreed(role), &deflate::Config::server());
        let got = feed(&mut end, &to(role, FIN | RSV1 | TEXT, &HELLO));
        assert_eq!(got, [Got::Text("Hello".into())]);
        // With one more byte in front it is no longer that message.
        let got = feed(
            &mut end,
            &to(role, FIN | RSV1 | TEXT, &[&[0xff], &HELLO[..]].concat()),
        );
        assert!(matches!(&got[..], [Got::Error(ProtocolError::Deflate(_))]));
    }
}

/// A connection that was opened without compression never has it: it sends no RSV1 at any time, and
/// RSV1 from the peer is always an error.
///
/// Proves: R6455-5.8-a, R6455-9.1-e
#[test]
fn extension_cannot_come_later() {
    let error = Got::Error(ProtocolError::Frame(FrameError::ReservedBits));
    for role in ROLES {
        for messages in [0, 1, 50] {
            let mut end = open(role, Config::new());
            for n in 0..messages {
                let got = feed(&mut end, &to(role, FIN | TEXT, b"plain"));
                assert_eq!(got, [Got::Text("plain".into())]);
                let text = "the same again ".repeat(n + 1);
                end.feed(&text).unwrap();
                end.feed(&PreparedMessage::text(&text)).unwrap();
                for (first, _) in frames(&end.take_output()) {
                    assert_eq!(first & 0x70, 0, "a reserved bit");
                }
            }
            let got = feed(&mut end, &to(role, FIN | RSV1 | TEXT, &HELLO));
            assert_eq!(got, std::slice::from_ref(&error));
        }
    }
}

/// A secret that is sent `uncompressed` goes out byte for byte beside text that an attacker
/// chooses: its length does not show how similar the two are.
///
/// Proves: R7692-8-a
#[test]
fn secret_is_sent_uncompressed() {
    let secret = "session=7f3a9c0b51e2d84f6a; admin=1; ".repeat(3);
    for role in ROLES {
        let mut end =
            open(role, Config::new()).with_deflate(agreed(role), &deflate::Config::server());
        let mut sizes = Vec::new();
        for guess in [secret.clone(), "x".repeat(secret.len())] {
            end.feed(&guess).unwrap();
            let _ = end.take_output();
            end.feed(Outgoing::from(&secret).uncompressed()).unwrap();
            let out = end.take_output();
            assert_eq!(out[0], FIN | TEXT, "RSV1 is off");
            sizes.push(out.len());
            if role == Role::Server {
                assert!(out.ends_with(secret.as_bytes()));
            }
            // Compressed, the length would tell: this is why the switch exists.
            end.feed(&secret).unwrap();
            let out = end.take_output();
            assert_eq!(out[0], FIN | RSV1 | TEXT);
        }
        assert_eq!(sizes[0], sizes[1]);
    }
}
