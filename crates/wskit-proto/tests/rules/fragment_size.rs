//! `Config::fragment_size`: no data frame has more payload, in every way to send a message.

use core::num::NonZeroUsize;

use crate::wire::*;
use bytes::Bytes;
use proptest::prelude::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, Connection, MessageKind, PreparedMessage, Role};

/// A connection that cuts its messages, and compresses them or not.
fn end(role: Role, most: Option<usize>, compress: bool) -> Connection {
    let config = Config::new()
        .fragment_size(most.and_then(NonZeroUsize::new))
        .write_queue_limit(1 << 30);
    let connection = open(role, config);
    if !compress {
        return connection;
    }
    let window = Window {
        bits: 12,
        no_context_takeover: false,
    };
    let side = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    let config = deflate::Config::server().threshold(0);
    connection.with_deflate(Params::new(side, window, window), &config)
}

/// Bytes that a compressor does not make much smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

/// Returns the first bytes and the lengths of the frames.
fn shapes(bytes: &[u8]) -> Vec<(u8, usize)> {
    let frames = frames(bytes).into_iter();
    frames
        .map(|(first, payload)| (first, payload.len()))
        .collect()
}

/// Proves: R6455-5.4-a
#[test]
fn prepared_message_is_cut_where_compression_was_agreed_on() {
    for role in ROLES {
        let prepared = PreparedMessage::binary(noise(2500));
        let mut from = end(role, Some(1000), true);
        from.feed(&prepared).unwrap();
        let bytes = from.take_output();
        let shapes = shapes(&bytes);
        assert_eq!(
            shapes[..2],
            [(0x40 | BINARY, 1000), (CONTINUATION, 1000)],
            "{shapes:?}"
        );
        assert_eq!((shapes.len(), shapes[2].0), (3, FIN));
        let mut to = end(other(role), None, true);
        assert_eq!(feed(&mut to, &bytes), [Got::Binary(noise(2500))]);
    }
}

/// A message that was compressed for another connection before is cut too; a message that fits
/// stays one frame.
///
/// Proves: R6455-5.4-a
#[test]
fn prepared_message_is_cut_for_each_connection_by_its_own_size() {
    let prepared = PreparedMessage::binary(noise(40_000));
    let frames_of = |most, compress| {
        let mut from = end(Role::Server, most, compress);
        from.feed(&prepared).unwrap();
        let bytes = from.take_output();
        let mut to = end(Role::Client, None, compress);
        assert_eq!(feed(&mut to, &bytes), [Got::Binary(noise(40_000))]);
        shapes(&bytes)
    };
    assert_eq!(frames_of(None, false), [(FIN | BINARY, 40_000)]);
    assert_eq!(frames_of(Some(40_000), false), [(FIN | BINARY, 40_000)]);
    assert_eq!(frames_of(Some(10_000), false).len(), 4);
    let whole = frames_of(None, true);
    assert_eq!((whole.len(), whole[0].0), (1, FIN | 0x40 | BINARY));
    assert_eq!(frames_of(Some(whole[0].1), true), whole);
    assert_eq!(frames_of(Some(whole[0].1 - 1), true).len(), 3);
    assert_eq!(frames_of(Some(10_000), true).len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Proves: R6455-5.4-a
    #[test]
    fn no_frame_is_larger(
        client in any::<bool>(),
        compress in any::<bool>(),
        most in prop_oneof![1_usize..200, 1000_usize..40_000],
        messages in prop::collection::vec(
            (0_u8..6, prop_oneof![0_usize..300, 10_000_usize..50_000], any::<bool>()), 1..4),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let (mut from, mut to) = (end(role, Some(most), compress), end(other(role), None, compress));
        for (way, len, is_noise) in messages {
            let len = len.min(most * 1000);
            let data = if is_noise { noise(len) } else { vec![b'a'; len] };
            match way {
                0 => from.feed(&data).unwrap(),
                1 => from.feed(data.clone()).unwrap(),
                2 => from.feed(Bytes::from(data.clone())).unwrap(),
                3 => from.feed(&PreparedMessage::binary(&data)).unwrap(),
                4 => from.feed(wskit_proto::Outgoing::from(&data).uncompressed()).unwrap(),
                _ => {
                    from.outbox().begin(MessageKind::Binary).unwrap();
                    let (one, two) = data.split_at(len / 3);
                    from.outbox().piece(one, false).unwrap();
                    from.outbox().piece(two, true).unwrap();
                }
            }
            let bytes = from.take_output();
            for (first, len) in shapes(&bytes) {
                prop_assert!(len <= most, "{first:x} {len} > {most} by way {way}");
            }
            prop_assert_eq!(feed(&mut to, &bytes), [Got::Binary(data)]);
        }
    }
}
