//! Data of a hostile or broken peer: bombs, truncated and corrupted data.

mod support;

use proptest::prelude::*;
use support::{
    OrdinaryDeflate, OrdinaryInflate, OrdinaryWindow, Rng, codec, compress, decompress,
    decompress_by, window,
};
use wskit_deflate::{Config, DecompressError, Decompressor, compress_prepared};

fn receiver() -> Decompressor {
    codec(window(15, false), &Config::server()).1
}

/// 128 MiB of zeros in 130 KB against a limit of 1 MiB: the room is the limit.
///
/// Proves: X-def-1
#[test]
fn bomb_stops_where_the_room_ends() {
    const LIMIT: usize = 1 << 20;
    let payload = OrdinaryDeflate::new(9).message(&vec![0; 128 << 20]);
    assert!(payload.len() < 140_000, "{}", payload.len());
    for pieces in [1, 100, payload.len()] {
        let mut d = receiver();
        let mut out = vec![0xaa; LIMIT + 1];
        let (mut used, mut produced) = (0, 0);
        let stopped = payload.chunks(pieces).any(|piece| {
            let progress = d.decompress(piece, false, &mut out[produced..]).unwrap();
            used += progress.consumed;
            produced += progress.produced;
            !progress.done
        });
        assert!(
            stopped && produced == LIMIT + 1,
            "one byte more than the limit says it all"
        );
        assert!(
            used < payload.len() / 100,
            "{used} bytes were read of {}",
            payload.len()
        );
        // It holds a stream and the window, not the expanded data.
        assert!(d.buffer_bytes() < 100 << 10, "{}", d.buffer_bytes());
    }
}

/// The first message fills the window, the others are all references.
///
/// Proves: X-def-1
#[test]
fn bomb_by_context_is_bounded_message_by_message() {
    let plain = vec![b'x'; 32 << 10];
    let mut sender = OrdinaryDeflate::new(9);
    let mut d = receiver();
    let mut out = vec![0; plain.len()];
    let first = sender.message(&plain);
    assert!(d.decompress(&first, true, &mut out).unwrap().done);
    let payload = sender.message(&plain);
    assert!(payload.len() < 120);
    for _ in 0..10_000 {
        let progress = d.decompress(&payload, true, &mut out).unwrap();
        assert!(progress.done && progress.produced == plain.len());
        assert_eq!(d.buffer_bytes(), 32 << 10);
    }
    assert_eq!(out, plain);
}

/// Every truncated message is detected.
///
/// Proves: R7692-7.2.2-d
#[test]
fn truncated_message_fails() {
    let mut rng = Rng(41);
    let plain = [
        rng.json(),
        b"x".repeat(2000),
        (0..300).map(|_| rng.next() as u8).collect(),
    ]
    .concat();
    for payload in [
        compress_prepared(1, 15, &plain),
        compress_prepared(6, 15, &plain),
        compress_prepared(9, 9, &plain),
        OrdinaryDeflate::new(0).message(&plain),
    ] {
        // The first byte of a stored block alone is an empty message.
        for len in 1 + usize::from(payload[0] == 0)..payload.len() {
            for dedicated in [false, true] {
                let (_, mut d) = codec(window(15, false), &Config::server().dedicated(dedicated));
                let error = decompress_by(&mut d, &payload[..len], usize::MAX, 5000).unwrap_err();
                assert!(
                    matches!(error, DecompressError::Truncated | DecompressError::Corrupt),
                    "{len}"
                );
                assert_eq!(error.close_code(), 1007);
                // The error is permanent, and no memory is held.
                assert_eq!(d.decompress(&payload, true, &mut [0; 99]), Err(error));
                assert_eq!(d.buffer_bytes(), 0);
            }
        }
    }
}

/// Proves: R7692-7.2.2-d, R7692-7.1.2.2-e
#[test]
fn broken_data_fails() {
    let table: [(&str, &[u8], DecompressError); 9] = [
        ("block type 3", &[0x06, 0, 0, 0], DecompressError::Corrupt),
        (
            "stored lengths that differ",
            &[0x00, 0x05, 0x00, 0xfa, 0xfe, 0x48],
            DecompressError::Corrupt,
        ),
        (
            "distance before the start",
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            DecompressError::Corrupt,
        ),
        (
            "the marker left on",
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0, 0, 0xff, 0xff],
            DecompressError::Truncated,
        ),
        (
            "too many lengths",
            &[0xfc, 0xff, 0xff, 0xff, 0xff],
            DecompressError::Corrupt,
        ),
        (
            "noise after a final block",
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff, 0xff],
            DecompressError::Corrupt,
        ),
        (
            "half a header after a final block",
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00],
            DecompressError::Truncated,
        ),
        (
            "plain text",
            b"Hello, plain text!",
            DecompressError::Corrupt,
        ),
        (
            "no end of block",
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9],
            DecompressError::Truncated,
        ),
    ];
    for (what, payload, expected) in table {
        for (input, room) in [(1, 1), (1, 100), (100, 1), (100, 100)] {
            assert_eq!(
                decompress_by(&mut receiver(), payload, input, room),
                Err(expected),
                "{what}"
            );
        }
    }
}

/// A reference before the message and beyond the window, to data that was sent
/// but may not be referred to.
///
/// Proves: R7692-7.1.2.2-e
#[test]
fn reference_beyond_the_agreed_window_fails() {
    let noise: Vec<u8> = {
        let mut rng = Rng(43);
        (0..1500).map(|_| rng.next() as u8).collect()
    };
    let mut sender = OrdinaryWindow::new(9, 15);
    let (first, second) = (sender.message(&noise), sender.message(&noise[..400]));
    assert!(
        second.len() < 20,
        "references over 1500 bytes: {}",
        second.len()
    );
    for (bits, expected) in [
        (11, Ok(noise[..400].to_vec())),
        (10, Err(DecompressError::Corrupt)),
    ] {
        let (_, mut d) = codec(window(bits, false), &Config::server());
        assert_eq!(decompress(&mut d, &first).as_deref(), Ok(&noise[..]));
        assert_eq!(decompress(&mut d, &second), expected);
        // Memory for later messages is released.
        assert_eq!(d.buffer_bytes() > 0, expected.is_ok());
    }
    // Without takeover no reference may leave the message.
    let (_, mut d) = codec(window(15, true), &Config::server());
    assert_eq!(decompress(&mut d, &first).as_deref(), Ok(&noise[..]));
    assert_eq!(decompress(&mut d, &second), Err(DecompressError::Corrupt));
}

/// No data of one connection can be read through the stream of another.
#[test]
fn streams_of_the_pool_keep_no_secrets() {
    let secret = vec![b's'; 20_000];
    assert_eq!(
        decompress(&mut receiver(), &compress_prepared(6, 15, &secret)).as_deref(),
        Ok(&secret[..])
    );
    // A reference of 258 bytes, 1 back, at the start of a connection: fixed codes 285, 0.
    assert_eq!(
        decompress(&mut receiver(), &[0x1a, 0x05, 0x00]),
        Err(DecompressError::Corrupt)
    );
    assert_eq!(
        decompress(&mut receiver(), &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        Err(DecompressError::Corrupt)
    );
}

/// Endless final blocks of two bytes each: work is bounded by the input,
/// whatever the history.
///
/// Proves: R7692-7.2.1-c, R7692-7.2.2-d
#[test]
fn many_final_blocks_are_read_or_refused() {
    let payload = [3, 0].repeat(50_000);
    for dedicated in [false, true] {
        let (_, mut d) = codec(window(15, false), &Config::server().dedicated(dedicated));
        assert!(decompress(&mut d, &compress_prepared(1, 15, &vec![b'x'; 40_000])).is_ok());
        assert_eq!(decompress(&mut d, &payload).as_deref(), Ok(&b""[..]));
        assert_eq!(
            decompress(&mut d, &[&payload[..], &[0xf2, 0x48, 0x05]].concat()).as_deref(),
            Err(&DecompressError::Truncated)
        );
    }
}

/// The result for a message in any pieces: text or an error, the same both
/// times.
fn outcome(payload: &[u8], input: usize, room: usize) -> Option<Vec<u8>> {
    decompress_by(&mut receiver(), payload, input, room).ok()
}

/// Known differences from an inflater that is fed 00 00 FF FF: it does not
/// detect that a message is truncated or continues after a final block. A
/// success is compared only if the message is complete, and otherwise the first
/// bytes are.
fn agree(payload: &[u8]) {
    let ours = outcome(payload, usize::MAX, 4096);
    let theirs = OrdinaryInflate::new().message(payload).ok();
    match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => assert_eq!(ours, theirs, "{payload:02x?}"),
        // A final block, then nothing: miniz continues and reads the tail as a stream.
        (Some(_), None) => assert!(has_final_block(payload), "{payload:02x?}"),
        (None, _) => {}
    }
}

/// Returns whether a prefix of it is a complete DEFLATE stream.
fn has_final_block(payload: &[u8]) -> bool {
    let mut inflate = flate2::Decompress::new(false);
    let mut out = vec![0; 1 << 20];
    let tailed = [payload, &support::TAIL].concat();
    matches!(
        inflate.decompress(&tailed, &mut out, flate2::FlushDecompress::Sync),
        Ok(flate2::Status::StreamEnd)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Proves: R7692-7.2.2-d
    #[test]
    fn any_bytes_are_read_as_by_another_engine(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        agree(&payload);
    }

    /// Noise that begins like a block of each type.
    ///
    /// Proves: R7692-7.2.2-d
    #[test]
    fn any_block_is_read_as_by_another_engine(
        first in (0..4_u8, any::<u8>()), rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut payload = vec![first.0 << 1 | first.1 << 3];
        payload.extend(rest);
        agree(&payload);
    }

    /// Valid messages with a few bytes or bits changed.
    ///
    /// Proves: R7692-7.2.2-d
    #[test]
    fn corrupted_message_is_read_as_by_another_engine(
        seed in 1..u64::MAX, level in 1..=9_u8, changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4), cut in any::<usize>(),
    ) {
        let mut payload = compress_prepared(level, 15, &Rng(seed).message());
        for (at, with) in changes {
            let at = at % payload.len();
            payload[at] ^= with;
        }
        agree(&payload);
        payload.truncate(cut % (payload.len() + 1));
        agree(&payload);
    }

    /// The result does not depend on the pieces.
    ///
    /// Proves: R7692-7.2.2-d
    #[test]
    fn cut_never_changes_the_outcome(
        seed in 1..u64::MAX, change in (any::<usize>(), any::<u8>()), input in 1..50_usize, room in 1..50_usize,
    ) {
        let mut payload = compress_prepared(6, 15, &Rng(seed).message());
        let at = change.0 % payload.len();
        payload[at] ^= change.1 & (seed as u8);
        prop_assert_eq!(outcome(&payload, usize::MAX, 4096), outcome(&payload, input, room));
    }
}

/// Data sent uncompressed or by mistake does not disturb a sender.
#[test]
fn compressor_takes_any_bytes() {
    let mut rng = Rng(47);
    let (mut c, _) = codec(window(9, false), &Config::server());
    let mut ordinary = OrdinaryInflate::new();
    for len in [70_000, 1, 65_535, 65_536, 300_000, 0, 3] {
        let noise: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        let payload = compress(&mut c, &noise);
        assert!(
            payload.len() <= len + len / 8 + 64,
            "fixed codes have at most 9 bits"
        );
        assert_eq!(ordinary.message(&payload).unwrap(), noise);
    }
}
