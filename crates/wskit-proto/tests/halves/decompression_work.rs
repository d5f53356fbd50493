//! `take_inflated`: the bytes that compressed messages expand to, and what each message counts for
//! besides.

use std::time::Instant;

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, Connection, Delivery, Event, Inbound, Outbound, ProtocolError, Role};

fn end(role: Role, bits: u8, no_context_takeover: bool, dedicated: bool) -> Connection {
    let window = Window {
        bits,
        no_context_takeover,
    };
    let side = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    let config = deflate::Config::server().threshold(0).dedicated(dedicated);
    open(role, Config::new()).with_deflate(Params::new(side, window, window), &config)
}

/// Passes the bytes and takes the events; returns how many bytes of data they had, or the error.
fn take(
    inbound: &mut Inbound,
    outbox: &mut Outbound,
    mut bytes: &[u8],
) -> Result<usize, ProtocolError> {
    let mut data = 0;
    loop {
        let n = inbound.receive(bytes);
        bytes = &bytes[n..];
        while let Some(ready) = inbound.next(outbox, Instant::now)? {
            data += match ready {
                Event::Message(span) => inbound.message(span).len(),
                Event::Piece(piece) => inbound.piece(piece).data.len(),
                other => panic!("no data: {other:?}"),
            };
        }
        if bytes.is_empty() {
            return Ok(data);
        }
    }
}

#[test]
fn bomb_counts_what_it_expands_to() {
    for role in ROLES {
        for delivery in [Delivery::Whole, Delivery::Pieces] {
            let size = 1 << 20;
            let mut peer = end(other(role), 15, true, false);
            peer.feed(vec![0; size]).unwrap();
            let bytes = peer.take_output();
            assert!(bytes.len() < size / 100);
            let (mut inbound, mut outbox) = end(role, 15, true, false).split();
            inbound.set_delivery(delivery);
            assert_eq!(take(&mut inbound, &mut outbox, &bytes), Ok(size));
            assert_eq!(inbound.take_inflated(), size + 128);
            assert_eq!(inbound.take_inflated(), 0, "it has been taken");
        }
    }
}

/// A message that is refused for its size has been decompressed up to the limit.
#[test]
fn bomb_that_is_refused_counts() {
    let mut peer = end(Role::Client, 15, true, false);
    peer.feed(vec![0; (1 << 20) + (64 << 10)]).unwrap();
    let bytes = peer.take_output();
    let (mut inbound, mut outbox) = end(Role::Server, 15, true, false).split();
    assert_eq!(
        take(&mut inbound, &mut outbox, &bytes),
        Err(ProtocolError::MessageTooBig { limit: 1 << 20 })
    );
    assert!(inbound.take_inflated() > 1 << 20);
}

/// The stream is primed with earlier bytes: for a message of seven bytes this is most of the work.
#[test]
fn tiny_messages_count_for_the_history_they_are_primed_with() {
    let letters: Vec<u8> = (0..40_000_u32).map(|n| ((n * n) >> 7) as u8).collect();
    for (bits, dedicated, fetch) in [
        (15, false, 128 + (32 << 10) / 32),
        (12, false, 128 + (4 << 10) / 32),
        (9, false, 128 + 512 / 32),
        // A dedicated stream needs no priming.
        (15, true, 128),
    ] {
        let mut peer = end(Role::Client, bits, false, false);
        let (mut inbound, mut outbox) = end(Role::Server, bits, false, dedicated).split();
        peer.feed(&letters[..]).unwrap();
        let bytes = peer.take_output();
        assert_eq!(take(&mut inbound, &mut outbox, &bytes), Ok(letters.len()));
        assert_eq!(inbound.take_inflated(), letters.len() + 128);
        for _ in 0..10 {
            peer.feed("1234567").unwrap();
        }
        let bytes = peer.take_output();
        assert_eq!(take(&mut inbound, &mut outbox, &bytes), Ok(70));
        assert_eq!(inbound.take_inflated(), 10 * (7 + fetch), "{bits}");
    }
}

/// An empty message counts too, and so does one whose frames are empty.
#[test]
fn empty_compressed_messages_count() {
    let (mut inbound, mut outbox) = end(Role::Server, 15, false, false).split();
    let mut bytes = masked(FIN | 0x40 | BINARY, &[]);
    bytes.extend(masked(0x40 | BINARY, &[]));
    bytes.extend(masked(FIN, &[]));
    assert_eq!(take(&mut inbound, &mut outbox, &bytes), Ok(0));
    assert_eq!(inbound.take_inflated(), 2 * 128);
}

#[test]
fn plain_messages_count_nothing() {
    for compression in [false, true] {
        let connection = if compression {
            end(Role::Server, 15, false, false)
        } else {
            server()
        };
        let (mut inbound, mut outbox) = connection.split();
        let bytes = [
            masked(FIN | TEXT, b"short"),
            masked(BINARY, &vec![1; 50_000]),
            masked(FIN, b"end"),
        ]
        .concat();
        assert_eq!(take(&mut inbound, &mut outbox, &bytes), Ok(50_008));
        assert_eq!(inbound.take_inflated(), 0);
    }
}
