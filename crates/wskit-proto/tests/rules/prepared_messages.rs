//! A message that is prepared once goes to every connection: small and large, compressed or not,
//! masked by a client or unmasked from a server.

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, Connection, Message, PreparedMessage, Role};

/// A connection that compresses with a window of this many bits, or does not compress.
fn end(role: Role, bits: Option<u8>) -> Connection {
    let connection = open(role, Config::new());
    let Some(bits) = bits else {
        return connection;
    };
    let window = Window {
        bits,
        no_context_takeover: false,
    };
    let side = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    let config = deflate::Config::server().threshold(0);
    connection.with_deflate(Params::new(side, window, window), &config)
}

fn round_trip(role: Role, bits: Option<u8>, payloads: &[Vec<u8>]) {
    let (mut from, mut to) = (end(role, bits), end(other(role), bits));
    for payload in payloads {
        let prepared = PreparedMessage::new(&Message::binary(payload.clone()));
        from.feed(&prepared).unwrap();
        let bytes = from.take_output();
        let frame = &bytes[..2];
        assert_eq!(frame[1] & 0x80 != 0, role == Role::Client, "the mask bit");
        assert_eq!(frame[0] & 0x40 != 0, bits.is_some(), "RSV1");
        assert_eq!(feed(&mut to, &bytes), [Got::Binary(payload.clone())]);
        // Messages sent in between share the history with the prepared one.
        from.feed("between").unwrap();
        let bytes = from.take_output();
        assert_eq!(feed(&mut to, &bytes), [Got::Text("between".into())]);
    }
}

/// This many bytes, which a compressor does not make much smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

#[test]
fn large_prepared_message_arrives_from_both_roles() {
    let payloads = [noise(100_000), vec![b'a'; 300_000], noise(20_000)];
    for role in ROLES {
        for bits in [None, Some(9), Some(15)] {
            round_trip(role, bits, &payloads);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn prepared_message_arrives(
        client in any::<bool>(),
        bits in proptest::option::of(9_u8..=15),
        sizes in proptest::collection::vec(prop_oneof![0_usize..300, 16_000_usize..40_000], 1..4),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let payloads: Vec<_> = sizes.into_iter().map(noise).collect();
        round_trip(role, bits, &payloads);
    }
}
