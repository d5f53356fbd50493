//! RFC 6455 §5.1 and §5.3: which end masks, and with which keys.

use crate::wire::*;
use wskit_proto::{Config, Connection, FrameError, MaskKeys, PreparedMessage, ProtocolError, Role};

/// Proves: R6455-5.1-b, R6455-7.1.7-b
#[test]
fn server_rejects_unmasked_frame() {
    let cases: [&[u8]; 4] = [
        &[0x81, 0x00],
        &[0x82, 0x7e, 0x00, 0x80],
        &[0x89, 0x00],
        &[0x88, 0x00],
    ];
    for bytes in cases {
        let mut server = server();
        assert_eq!(
            feed(&mut server, bytes),
            [Got::Error(ProtocolError::Frame(FrameError::MaskMissing))]
        );
        assert_failed_with(&mut server, 1002);
    }
}

/// Proves: R6455-5.1-b
#[test]
fn server_rejects_unmasked_frame_from_its_second_byte() {
    let mut server = server();
    assert_eq!(
        feed(&mut server, &[0x82, 0x7e]),
        [Got::Error(ProtocolError::Frame(FrameError::MaskMissing))]
    );
}

/// Proves: R6455-5.1-d, R6455-7.1.7-b
#[test]
fn client_rejects_masked_frame() {
    for first in [
        FIN | TEXT,
        FIN | BINARY,
        FIN | PING,
        FIN | PONG,
        FIN | CLOSE,
        TEXT,
    ] {
        let mut client = client();
        let error = ProtocolError::Frame(FrameError::MaskUnexpected);
        assert_eq!(
            feed(&mut client, &[first, 0x80, 0, 0, 0, 0]),
            [Got::Error(error)]
        );
        assert_failed_with(&mut client, 1002);
    }
}

/// Every way in which a frame can be sent, and one of each size class.
fn send_everything(connection: &mut Connection) -> usize {
    let big = vec![7; 70_000];
    let outbox = connection.outbox();
    outbox.feed("").unwrap();
    outbox.feed("lent").unwrap();
    outbox.feed(&big).unwrap();
    outbox.feed(String::from("own")).unwrap();
    outbox.feed(big.clone()).unwrap();
    outbox.feed(bytes::Bytes::from_static(b"shared")).unwrap();
    outbox.feed(bytes::Bytes::from(big.clone())).unwrap();
    outbox.feed(&PreparedMessage::text("prepared")).unwrap();
    outbox.feed(&PreparedMessage::binary(&big)).unwrap();
    outbox.begin(wskit_proto::MessageKind::Binary).unwrap();
    outbox.piece(b"first", false).unwrap();
    outbox.piece(b"", false).unwrap();
    outbox.piece(b"last", true).unwrap();
    outbox.ping(b"").unwrap();
    outbox.pong(b"pong").unwrap();
    outbox.close(None).unwrap();
    9 + 3 + 2 + 1
}

/// Proves: R6455-5.1-a, R6455-5.3-a, R6455-5.3-b, R6455-5.5.1-d, R6455-6.1-e, R6455-10.3-a
#[test]
fn client_masks_every_frame_with_a_key_of_its_own() {
    restart_keys();
    let mut client = Connection::client(
        Config::new(),
        MaskKeys::new(counted_key),
        std::time::Instant::now(),
    );
    let count = send_everything(&mut client);
    let output = client.take_output();
    assert_eq!(keys_drawn() as usize, count, "one draw a frame");
    let (mut rest, mut keys) = (&output[..], Vec::new());
    while !rest.is_empty() {
        let (_, payload, masked, used) = take_frame(rest);
        assert!(masked);
        keys.push(rest[used - payload.len() - 4..used - payload.len()].to_vec());
        rest = &rest[used..];
    }
    assert_eq!(keys.len(), count);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "no key is used twice");
}

/// Proves: R6455-5.1-c
#[test]
fn server_masks_nothing() {
    let mut server = server();
    let count = send_everything(&mut server);
    let output = server.take_output();
    let (mut rest, mut seen) = (&output[..], 0);
    while !rest.is_empty() {
        let (_, _, masked, used) = take_frame(rest);
        assert!(!masked);
        seen += 1;
        rest = &rest[used..];
    }
    assert_eq!(seen, count);
}

/// Proves: R6455-5.3-a, R6455-6.2-d
#[test]
fn server_removes_the_mask_of_the_sample_frame() {
    let mut server = server();
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(feed(&mut server, &hello), [text("Hello")]);
    let mut client = client();
    client.feed("Hello").unwrap();
    assert_eq!(client.take_output(), hello);
}

/// Proves: R6455-10.3-b
#[test]
fn client_leaves_a_payload_that_others_hold_as_it_is() {
    let shared = bytes::Bytes::from(vec![1; 40_000]);
    let mut client = open(Role::Client, Config::new());
    client.feed(shared.clone()).unwrap();
    assert!(shared.iter().all(|byte| *byte == 1));
    assert_eq!(sent(&mut client), [(FIN | BINARY, vec![1; 40_000])]);
}
