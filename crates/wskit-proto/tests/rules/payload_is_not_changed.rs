//! RFC 6455 §10.3: the payload that is passed in is the payload that is sent. Its owner may change
//! it afterwards, and finds it unchanged.

use crate::wire::*;
use bytes::Bytes;
use wskit_proto::{Config, Connection, MaskKeys, MessageKind, Outgoing, PreparedMessage, Role};

/// Sizes on both sides of the one up to which payloads are copied beside their header.
const SIZES: [usize; 6] = [1, 125, 16 << 10, (16 << 10) + 1, 40_000, 70_000];

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ at >> 8) as u8).collect()
}

fn counting_client() -> Connection {
    restart_keys();
    Connection::client(
        Config::new(),
        MaskKeys::new(counted_key),
        std::time::Instant::now(),
    )
}

/// A key is drawn when the bytes can no longer change: not when a message begins, nor after the
/// caller has its buffer back.
///
/// Proves: R6455-10.3-b
#[test]
fn key_is_drawn_for_bytes_that_can_change_no_more() {
    for len in SIZES {
        let data = pattern(len);
        let mut client = counting_client();
        let mut buffer = data.clone();
        client.feed(&buffer).unwrap();
        assert_eq!(keys_drawn(), 1, "with the bytes");
        buffer.fill(0xee);

        client.outbox().begin(MessageKind::Binary).unwrap();
        assert_eq!(keys_drawn(), 1, "there is nothing to mask yet");
        for drawn in 2..4 {
            buffer.copy_from_slice(&data);
            client.outbox().piece(&buffer, drawn == 3).unwrap();
            assert!(keys_drawn() >= drawn);
            buffer.fill(0xee);
        }
        let wire = client.take_output();
        let drawn = keys_drawn();
        let frames = frames(&wire);
        assert_eq!(frames.len() as u32, drawn, "a key a frame");
        let (message, pieces) = frames.split_first().unwrap();
        assert_eq!(message.1, data, "{len}");
        let pieces: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.clone()).collect();
        assert!(pieces == data.repeat(2), "{len}");
    }
}

/// A client masks a copy of a shared payload: shared with the caller, with another connection, with
/// the rest of an allocation, or in the program's image.
///
/// Proves: R6455-10.3-b
#[test]
fn client_masks_a_copy_of_what_others_hold() {
    static IMAGE: [u8; 20_000] = [7; 20_000];
    for len in SIZES {
        let data = pattern(len);
        let shared = Bytes::from(data.clone());
        let mut clients: Vec<_> = (0..3).map(|_| counting_client()).collect();
        for client in &mut clients {
            client.feed(shared.clone()).unwrap();
        }
        // Each connection has other keys and the same bytes.
        for client in &mut clients {
            assert_eq!(sent(client), [(FIN | BINARY, data.clone())]);
        }
        assert!(shared == data, "{len}");

        // Other parts of the same allocation, behind the payload and before it.
        let whole = Bytes::from([pattern(50), data.clone(), pattern(50)].concat());
        let (before, behind) = (whole.slice(..50), whole.slice(50 + len..));
        let payload = whole.slice(50..50 + len);
        drop(whole);
        let mut client = counting_client();
        client.feed(payload).unwrap();
        assert_eq!(sent(&mut client), [(FIN | BINARY, data.clone())]);
        assert!(before == pattern(50) && behind == pattern(50));

        // There is no other reference: masking in place cannot be observed.
        let mut client = counting_client();
        client.feed(Bytes::from(data.clone())).unwrap();
        assert_eq!(sent(&mut client), [(FIN | BINARY, data.clone())]);

        // The one encoding for many connections stays unchanged.
        let prepared = PreparedMessage::binary(&data);
        for _ in 0..2 {
            let mut client = counting_client();
            client.feed(&prepared).unwrap();
            assert_eq!(sent(&mut client), [(FIN | BINARY, data.clone())]);
        }
        assert_eq!(prepared.as_bytes(), data);
    }
    for _ in 0..2 {
        let mut client = open(Role::Client, Config::new());
        client
            .feed(Outgoing::from(Bytes::from_static(&IMAGE)))
            .unwrap();
        assert_eq!(sent(&mut client), [(FIN | BINARY, IMAGE.to_vec())]);
    }
}
