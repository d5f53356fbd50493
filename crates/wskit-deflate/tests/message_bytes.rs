//! RFC 7692 §7.2: the bytes of a message, in any pieces.

mod support;

use support::{
    OrdinaryInflate, Rng, codec, compress, compress_by, decompress, decompress_by, window,
};
use wskit_deflate::{Config, DecompressError, Progress, compress_prepared};

/// Payloads that read as "Hello" on a new connection.
const HELLO: [&[u8]; 6] = [
    // Fixed codes.
    &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    // Stored.
    &[
        0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
    ],
    // Two blocks with an empty stored one between them.
    &[
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ],
    // A final block.
    &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
    // A final block and nothing after it.
    &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    // A final stored block, whose lengths arrive with the tail.
    &[
        0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff, 0x01,
    ],
];

/// Proves: R7692-7.2.1-a
#[test]
fn compressor_removes_the_marker() {
    for level in 1..=9 {
        let (mut c, _) = codec(window(15, false), &Config::server().level(level));
        assert_eq!(compress(&mut c, b"Hello"), HELLO[0], "level {level}");
    }
}

/// Proves: R7692-7.2.1-b, R7692-7.2.1-c, R7692-7.2.2-a
#[test]
fn decompressor_reads_every_form_in_every_cut() {
    for dedicated in [false, true] {
        for payload in HELLO {
            for input in 1..=payload.len() {
                for room in 1..=7 {
                    let (_, mut d) =
                        codec(window(15, false), &Config::server().dedicated(dedicated));
                    for _ in 0..3 {
                        let plain = decompress_by(&mut d, payload, input, room);
                        assert_eq!(
                            plain.as_deref(),
                            Ok(&b"Hello"[..]),
                            "{payload:02x?} by {input} into {room}"
                        );
                    }
                }
            }
        }
    }
}

/// A dynamic block, made by another engine.
///
/// Proves: R7692-7.2.1-b
#[test]
fn decompressor_reads_dynamic_blocks() {
    let plain = Rng(1).json().repeat(3);
    let payload = support::OrdinaryDeflate::new(9).message(&plain);
    assert_eq!(payload[0] & 0b110, 0b100, "dynamic");
    for (input, room) in [(1, 1), (1, 1000), (3, 7), (1000, 1), (1000, 1000)] {
        let (_, mut d) = codec(window(15, false), &Config::server());
        assert_eq!(
            decompress_by(&mut d, &payload, input, room).as_deref(),
            Ok(&plain[..])
        );
    }
}

/// Proves: R7692-7.2.1-d
#[test]
fn empty_message_is_one_byte_of_zero() {
    for dedicated in [false, true] {
        let config = Config::server().dedicated(dedicated);
        let (mut c, mut d) = codec(window(15, false), &config);
        let mut ordinary = OrdinaryInflate::new();
        for plain in [&b""[..], b"", b"Hello", b"", b"Hello", b""] {
            for room in [1, 2, 64, 100] {
                let payload = compress_by(&mut c, plain, 1, room);
                assert!(!plain.is_empty() || payload == [0]);
                assert_eq!(decompress(&mut d, &payload).as_deref(), Ok(plain));
                assert_eq!(ordinary.message(&payload).unwrap(), plain);
            }
        }
    }
}

/// A payload of no bytes is an empty message and does not change the context.
///
/// Proves: R7692-7.2.1-d
#[test]
fn decompressor_takes_no_payload_as_empty_message() {
    for dedicated in [false, true] {
        let (_, mut d) = codec(window(15, false), &Config::server().dedicated(dedicated));
        assert_eq!(decompress(&mut d, b"").as_deref(), Ok(&b""[..]));
        assert_eq!(decompress(&mut d, HELLO[0]).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(decompress(&mut d, b"").as_deref(), Ok(&b""[..]));
        assert_eq!(
            decompress(&mut d, &[0xf2, 0x00, 0x11, 0x00, 0x00]).as_deref(),
            Ok(&b"Hello"[..])
        );
    }
}

/// The bytes may differ by engine and level (one reference, or a literal and a
/// reference), but not the meaning.
///
/// Proves: R7692-7.2.1-e
#[test]
fn second_message_refers_to_the_first() {
    for (level, dedicated) in [(1, false), (6, false), (9, false), (1, true), (6, true)] {
        let config = Config::server().level(level).dedicated(dedicated);
        let (mut c, mut d) = codec(window(15, false), &config);
        let mut ordinary = OrdinaryInflate::new();
        for (n, most) in [7, 5, 5, 5].into_iter().enumerate() {
            let payload = compress(&mut c, b"Hello");
            assert!(payload.len() <= most, "{payload:02x?}");
            // The vectors of the RFC, the second of which refers to the first.
            let vector = [HELLO[0], &[0xf2, 0x00, 0x11, 0x00, 0x00]][n.min(1)];
            assert_eq!(decompress(&mut d, vector).as_deref(), Ok(&b"Hello"[..]));
            assert_eq!(decompress(&mut d, &payload).as_deref(), Ok(&b"Hello"[..]));
            assert_eq!(ordinary.message(&payload).unwrap(), b"Hello");
        }
    }
}

/// Proves: R7692-7.1.1.1-d, R7692-7.1.1.2-c
#[test]
fn compressor_without_takeover_starts_each_message_anew() {
    let mut rng = Rng(7);
    for dedicated in [false, true] {
        let config = Config::server().dedicated(dedicated);
        let (mut c, mut d) = codec(window(15, true), &config);
        for _ in 0..50 {
            let plain = rng.message();
            let payload = compress(&mut c, &plain);
            assert_eq!(compress(&mut c, &plain), payload, "the same bytes again");
            // A peer without context can read it.
            assert_eq!(OrdinaryInflate::new().message(&payload).unwrap(), plain);
            assert_eq!(decompress(&mut d, &payload).as_deref(), Ok(&plain[..]));
            assert_eq!((c.buffer_bytes(), d.buffer_bytes()), (0, 0));
        }
    }
}

/// Proves: R7692-6-e, R7692-7.2.2-a
#[test]
fn compressed_bytes_may_be_cut_anywhere() {
    let plain = Rng(3).json().repeat(2);
    let (mut c, _) = codec(window(15, false), &Config::server());
    let payload = compress(&mut c, &plain);
    for cut in 0..=payload.len() {
        let (_, mut d) = codec(window(15, false), &Config::server());
        let mut out = vec![0; plain.len()];
        let first = d.decompress(&payload[..cut], false, &mut out).unwrap();
        assert!(first.done && first.consumed == cut);
        let second = d
            .decompress(&payload[cut..], true, &mut out[first.produced..])
            .unwrap();
        assert!(second.done);
        assert_eq!(first.produced + second.produced, plain.len());
        assert_eq!(out, plain);
    }
}

/// Proves: R7692-7.2.1-a, R7692-7.2.2-a
#[test]
fn compressor_is_right_in_every_cut() {
    let mut rng = Rng(5);
    for level in [1, 2, 3, 6, 7, 9] {
        for dedicated in [false, true] {
            let config = Config::server().level(level).dedicated(dedicated);
            let (mut c, mut d) = codec(window(15, false), &config);
            let mut ordinary = OrdinaryInflate::new();
            for (input, room) in (0..4).flat_map(|_| {
                [1, 2, 3, 5, 64, 1000, usize::MAX]
                    .into_iter()
                    .flat_map(|input| {
                        [1, 2, 3, 4, 5, 6, 7, 63, 64, 65, 68, 69, 100, 5000]
                            .map(|room| (input, room))
                    })
            }) {
                let plain = rng.message();
                let payload = compress_by(&mut c, &plain, input, room);
                assert_eq!(ordinary.message(&payload).unwrap(), plain);
                assert_eq!(
                    decompress_by(&mut d, &payload, room, input.min(999)).as_deref(),
                    Ok(&plain[..])
                );
            }
        }
    }
}

/// A full output never hides the end: a message that just fits is done.
///
/// Proves: X-def-1
#[test]
fn message_that_just_fits_is_done() {
    for len in [1, 5, 257, 258, 259, 1000, 65_536] {
        let plain = vec![b'x'; len];
        let payload = compress_prepared(6, 15, &plain);
        let (_, mut d) = codec(window(15, false), &Config::server());
        let mut out = vec![0; len];
        let all = Progress {
            consumed: payload.len(),
            produced: len,
            done: true,
        };
        assert_eq!(d.decompress(&payload, true, &mut out), Ok(all));
        assert_eq!(out, plain);
        // With one byte less it is not done.
        let progress = d.decompress(&payload, true, &mut out[..len - 1]).unwrap();
        assert_eq!((progress.produced, progress.done), (len - 1, false));
        let none = d
            .decompress(&payload[progress.consumed..], true, &mut [])
            .unwrap();
        assert_eq!((none.produced, none.done), (0, false));
        let rest = &payload[progress.consumed + none.consumed..];
        let last = d.decompress(rest, true, &mut out[..1]).unwrap();
        assert_eq!((last.produced, last.done), (1, true));
    }
}

/// Proves: R7692-7.2.1-a
#[test]
fn compressor_writes_only_into_its_room() {
    let plain = Rng(9).json();
    let (mut c, _) = codec(window(15, false), &Config::server());
    let mut payload = Vec::new();
    let mut rest = &plain[..];
    for room in (0..100).cycle() {
        let mut out = [0xaa; 128];
        let progress = c.compress(rest, true, &mut out[..room]);
        assert!(progress.produced <= room && out[room..].iter().all(|&byte| byte == 0xaa));
        payload.extend_from_slice(&out[..progress.produced]);
        rest = &rest[progress.consumed..];
        if progress.done {
            break;
        }
    }
    assert_eq!(OrdinaryInflate::new().message(&payload).unwrap(), plain);
}

/// A call without input is done, at every point.
#[test]
fn call_with_nothing_is_done() {
    let idle = Progress {
        consumed: 0,
        produced: 0,
        done: true,
    };
    let (mut c, mut d) = codec(window(15, false), &Config::server());
    for _ in 0..2 {
        assert_eq!(c.compress(b"", false, &mut [0; 9]), idle);
        assert_eq!(c.compress(b"", false, &mut []), idle);
        assert_eq!(d.decompress(b"", false, &mut [0; 9]), Ok(idle));
        assert_eq!((c.buffer_bytes(), d.buffer_bytes()), (0, 0));
        assert!(c.compress(b"He", false, &mut [0; 9]).done);
        assert_eq!(c.compress(b"", false, &mut [0; 9]), idle);
        let payload = compress(&mut c, b"llo");
        assert_eq!(
            d.decompress(&payload[..2], false, &mut [0; 9])
                .map(|p| p.done),
            Ok(true)
        );
        assert_eq!(d.decompress(b"", false, &mut [0; 9]), Ok(idle));
        assert_eq!(
            decompress(&mut d, &payload[2..]).map(|plain| plain.len() <= 5),
            Ok(true)
        );
        (c, d) = codec(window(15, false), &Config::server());
    }
    assert_ne!(DecompressError::Corrupt.to_string(), "");
}

/// Both halves can be sent to another thread, and their debug text shows no
/// data.
#[test]
fn codec_moves_between_threads_in_silence() {
    let (mut c, mut d) = codec(window(15, false), &Config::server());
    let mut ordinary = OrdinaryInflate::new();
    for _ in 0..4 {
        (c, d, ordinary) = std::thread::spawn(move || {
            let mut out = [0; 99];
            let first = c.compress(b"secret, ", false, &mut out).produced;
            let second = c.compress(b"secret", true, &mut out[first..]);
            assert!(second.done);
            let payload = &out[..first + second.produced];
            assert_eq!(ordinary.message(payload).unwrap(), b"secret, secret");
            let read = d.decompress(&payload[..payload.len() / 2], false, &mut [0; 99]);
            assert!(read.unwrap().done);
            let rest = d.decompress(&payload[payload.len() / 2..], true, &mut [0; 99]);
            assert!(rest.unwrap().done);
            (c, d, ordinary)
        })
        .join()
        .unwrap();
    }
    let told = format!("{c:?} {d:?}");
    assert!(
        !told.contains("secret") && !told.contains("115, 101, 99"),
        "{told}"
    );
}
