//! RFC 6455 §5.3: frames that a client sends automatically, or not by the fast path, are masked
//! with keys of their own as well.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{Config, Connection, MaskKeys, MessageKind, PreparedMessage};

fn client_with(config: Config, now: Instant) -> Connection {
    restart_keys();
    Connection::client(config, MaskKeys::new(counted_key), now)
}

/// Sends a message in these pieces.
fn send_pieces(client: &mut Connection, pieces: &[&[u8]]) {
    let outbox = client.outbox();
    outbox.begin(MessageKind::Binary).unwrap();
    for (at, piece) in pieces.iter().enumerate() {
        outbox.piece(piece, at + 1 == pieces.len()).unwrap();
    }
}

/// Asserts that all frames are masked, each with a key of its own, and that no other key was drawn.
fn assert_masked(client: &mut Connection, frames: usize) {
    let output = client.take_output();
    let (mut rest, mut keys) = (&output[..], Vec::new());
    while !rest.is_empty() {
        let (_, payload, masked, used) = take_frame(rest);
        assert!(masked);
        let key_at = used - payload.len() - 4;
        keys.push(rest[key_at..key_at + 4].to_vec());
        rest = &rest[used..];
    }
    assert_eq!(keys.len(), frames);
    assert_eq!(keys_drawn() as usize, frames, "one draw a frame");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), frames, "no key is used twice");
}

/// Pongs, keepalive pings, and the answer to a Close.
///
/// Proves: R6455-5.3-b, R6455-5.1-a, R6455-5.5.1-d
#[test]
fn client_masks_its_answers_with_keys_of_their_own() {
    let now = Instant::now();
    let mut client = client_with(Config::new(), now);
    for payload in ["", "same", "same"] {
        let ping = unmasked(FIN | PING, payload.as_bytes());
        assert_eq!(feed(&mut client, &ping), [Got::Ping(payload.into())]);
    }
    client
        .handle_timeout(now + Duration::from_secs(20))
        .unwrap();
    assert_eq!(
        feed(&mut client, &unmasked(FIN | CLOSE, &close_body(1000, ""))),
        [close(1000)]
    );
    // Pongs that are not written yet are dropped.
    assert_eq!(keys_drawn(), 5);
    assert_eq!(sent(&mut client).last().unwrap().0, FIN | CLOSE);

    let mut client = client_with(Config::new(), now);
    for _ in 0..3 {
        let _ = feed(&mut client, &unmasked(FIN | PING, b"same"));
    }
    client
        .handle_timeout(now + Duration::from_secs(20))
        .unwrap();
    client.feed("between").unwrap();
    client.close(None).unwrap();
    assert_masked(&mut client, 6);
}

/// The Close that says which rule the server broke.
///
/// Proves: R6455-5.3-b, R6455-5.1-a
#[test]
fn client_masks_the_close_of_a_failure() {
    let mut client = client_with(Config::new(), Instant::now());
    client.feed("before").unwrap();
    assert!(matches!(feed(&mut client, &[0x83])[..], [Got::Error(_)]));
    assert_masked(&mut client, 2);
}

/// A fragmented message, sent whole and in pieces, small and large.
///
/// Proves: R6455-5.3-b, R6455-5.1-a
#[test]
fn client_masks_every_fragment_with_a_key_of_its_own() {
    let now = Instant::now();
    let mut client = client_with(Config::new().fragment_size(NonZeroUsize::new(100)), now);
    client.feed(vec![7; 1000]).unwrap();
    send_pieces(&mut client, &[&[7; 250], &[7; 50], &[]]);
    assert_masked(&mut client, 10 + 3 + 1 + 1);

    // Each piece is one frame, of any size.
    let mut client = client_with(Config::new(), now);
    let large = vec![7; 40_000];
    send_pieces(&mut client, &[&large, &large, &[7; 10]]);
    assert_masked(&mut client, 3);
}

/// Compressed frames: a whole message, one that is too large for a single frame, and prepared ones,
/// small and large.
///
/// Proves: R6455-5.3-b, R7692-6-d
#[test]
fn client_masks_what_is_compressed() {
    let window = Window {
        bits: 15,
        no_context_takeover: false,
    };
    let params = Params::new(deflate::Role::Client, window, window);
    let config = deflate::Config::client().threshold(0);
    let client = client_with(Config::new(), Instant::now());
    let mut client = client.with_deflate(params, &config);
    client.feed("text ".repeat(100)).unwrap();
    client
        .feed(&PreparedMessage::text("text ".repeat(100)))
        .unwrap();
    // Random bytes do not become smaller: a frame for every 16 KiB.
    let mut noise = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(40_000)
    .collect();
    client.feed(noise.clone()).unwrap();
    client.feed(&PreparedMessage::binary(&noise)).unwrap();
    assert_masked(&mut client, 2 + 3 + 1);
}
