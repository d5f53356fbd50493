//! RFC 7692 §7.1.1, §7.2: context takeover with usual peers.

mod support;

use support::scan::Scan;
use support::{
    OrdinaryDeflate, OrdinaryInflate, OrdinaryWindow, Rng, codec, compress, compress_by,
    decompress, decompress_by, window,
};
use wskit_deflate::{Config, compress_prepared};

/// 2,000 messages for every kind of compressor, some of them prepared and some
/// sent uncompressed.
///
/// Proves: R7692-7.2.1-e, R7692-7.2.2-b, R7692-6-d
#[test]
fn ordinary_receiver_reads_what_is_sent_from_history() {
    for (seed, (level, history, dedicated)) in [
        (1, 512, false),
        (1, 1024, false),
        (1, 4096, false),
        (6, 32 << 10, false),
        (9, 700, false),
        (1, 0, true),
        (6, 0, true),
        (1, 0, false),
        (2, 600, false),
        (4, 3000, false),
        (9, 0, true),
        (3, 0, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut rng = Rng(seed as u64 + 1);
        let config = Config::server()
            .level(level)
            .deflate_history(history)
            .dedicated(dedicated);
        let (mut c, _) = codec(window(15, false), &config);
        let mut ordinary = OrdinaryInflate::new();
        for n in 0..2000 {
            let plain = rng.message();
            let payload = match rng.below(6) {
                // Uncompressed: neither side records it.
                0 => continue,
                1 => {
                    c.note_prepared(&plain);
                    compress_prepared(6, 15, &plain)
                }
                2 => compress_by(&mut c, &plain, 1 + rng.below(300), 1 + rng.below(300)),
                _ => compress(&mut c, &plain),
            };
            assert_eq!(
                ordinary.message(&payload).unwrap(),
                plain,
                "message {n} level {level} history {history}"
            );
        }
        if !dedicated {
            assert!(c.buffer_bytes() <= history);
        }
    }
}

/// Proves: R7692-7.2.2-b
#[test]
fn receiver_reads_ordinary_senders() {
    for dedicated in [false, true] {
        let mut rng = Rng(11);
        let (_, mut d) = codec(window(15, false), &Config::server().dedicated(dedicated));
        let mut ordinary = OrdinaryDeflate::new(6);
        for n in 0..5000 {
            let plain = rng.message();
            if rng.below(5) == 0 {
                continue;
            }
            let payload = ordinary.message(&plain);
            let (input, room) = match rng.below(8) {
                0 => (1, 1),
                1 => (1 + rng.below(50), 1 + rng.below(50)),
                _ => (usize::MAX, 4096),
            };
            assert_eq!(
                decompress_by(&mut d, &payload, input, room).as_deref(),
                Ok(&plain[..]),
                "message {n}"
            );
        }
    }
}

/// The history is exactly the window: the sender uses all of it.
///
/// Proves: R7692-7.2.2-b, R7692-7.1.2.2-e
#[test]
fn receiver_keeps_the_whole_agreed_window() {
    for bits in 9..=15 {
        for level in [1, 6, 9] {
            let mut rng = Rng(u64::from(bits) * 31);
            let (_, mut d) = codec(window(bits, false), &Config::server());
            let mut ordinary = OrdinaryWindow::new(level, bits);
            for n in 0..400 {
                let plain = rng.message();
                let payload = ordinary.message(&plain);
                assert_eq!(
                    decompress(&mut d, &payload).as_deref(),
                    Ok(&plain[..]),
                    "message {n} bits {bits}"
                );
            }
            assert_eq!(d.buffer_bytes(), 1 << bits);
        }
    }
}

/// Proves: R7692-7.1.2.1-c, R7692-7.1.2.2-d
#[test]
fn no_reference_is_beyond_the_agreed_window() {
    for bits in 9..=15 {
        for (level, dedicated) in [(1, false), (6, false), (9, false), (1, true), (6, true)] {
            let mut rng = Rng(u64::from(bits) * 17 + 1);
            let config = Config::server()
                .level(level)
                .dedicated(dedicated)
                .deflate_history(32 << 10);
            let (mut c, _) = codec(window(bits, false), &config);
            let mut scan = Scan::default();
            for _ in 0..60 {
                let plain = rng.message();
                let payload = if rng.below(4) == 0 {
                    c.note_prepared(&plain);
                    compress_prepared(6, bits, &plain)
                } else {
                    compress(&mut c, &plain)
                };
                assert_eq!(scan.message(&payload), plain);
            }
            assert!(scan.furthest <= 1 << bits, "bits {bits}: {}", scan.furthest);
            assert!(
                dedicated || c.buffer_bytes() <= 1 << bits,
                "no more history than can be used"
            );
            // The scan works: most of the window is used.
            assert!(
                scan.furthest > 1 << (bits - 2),
                "bits {bits}: {}",
                scan.furthest
            );
        }
    }
}

/// Proves: R7692-7.1.1.1-d
#[test]
fn prepared_message_refers_to_nothing_before_it() {
    let mut rng = Rng(23);
    for level in [1, 6, 9] {
        for bits in [9, 12, 15] {
            for _ in 0..30 {
                let plain = rng.message();
                let mut scan = Scan::default();
                assert_eq!(scan.message(&compress_prepared(level, bits, &plain)), plain);
                assert!(scan.furthest <= 1 << bits);
            }
        }
    }
    assert_eq!(compress_prepared(1, 15, b""), [0]);
}

/// The end of a prepared message longer than the window counts.
///
/// Proves: R7692-7.2.1-e
#[test]
fn noted_message_may_be_longer_than_the_window() {
    let mut rng = Rng(37);
    for (bits, dedicated) in [(9, false), (9, true), (12, true), (15, true), (15, false)] {
        for level in [1, 6, 9] {
            let config = Config::server().level(level).dedicated(dedicated);
            let (mut c, _) = codec(window(bits, false), &config);
            let mut ordinary = OrdinaryInflate::new();
            for before in [0, 7] {
                let noise: Vec<u8> = (0..(5 << bits) / 2).map(|_| rng.next() as u8).collect();
                // Before the first message, and after one.
                if before > 0 {
                    ordinary
                        .message(&compress(&mut c, &noise[..before]))
                        .unwrap();
                }
                c.note_prepared(&noise);
                ordinary
                    .message(&compress_prepared(level, bits, &noise))
                    .unwrap();
                for part in [&noise[noise.len() - 200..], &noise[..400]] {
                    let payload = compress(&mut c, part);
                    assert_eq!(
                        ordinary.message(&payload).unwrap(),
                        part,
                        "bits {bits} level {level}"
                    );
                    assert_eq!(
                        payload.len() < 50,
                        part.len() == 200,
                        "the end is known, the start is not"
                    );
                }
            }
        }
    }
}

/// Connections share the streams of their thread, never their content.
///
/// Proves: R7692-7.2.1-e
#[test]
fn connections_do_not_mix() {
    let mut rng = Rng(29);
    let config = Config::server();
    let mut all: Vec<_> = (0..20)
        .map(|n| {
            (
                codec(window(9 + n % 7, n % 3 == 0), &config),
                OrdinaryInflate::new(),
                Scan::default(),
            )
        })
        .collect();
    for _ in 0..2000 {
        let ((c, d), ordinary, scan) = &mut all[rng.below(20)];
        let plain = rng.json();
        let payload = compress(c, &plain);
        assert_eq!(ordinary.message(&payload).unwrap(), plain);
        assert_eq!(scan.message(&payload), plain);
        assert_eq!(decompress(d, &payload).as_deref(), Ok(&plain[..]));
    }
}

/// Incomplete messages of many connections, begun and ended in any order, some
/// abandoned.
#[test]
fn half_done_messages_do_not_mix() {
    let mut rng = Rng(31);
    let config = Config::server();
    let mut all: Vec<_> = (0..30)
        .map(|_| (codec(window(12, false), &config), Vec::new(), Vec::new()))
        .collect();
    let mut out = [0; 100];
    for _ in 0..20_000 {
        let at = rng.below(30);
        let ((c, d), plain, payload): &mut (_, Vec<u8>, Vec<u8>) = &mut all[at];
        match rng.below(40) {
            0 => all[at] = (codec(window(12, false), &config), Vec::new(), Vec::new()),
            1..=10 => {
                payload.extend(compress(c, b""));
                assert_eq!(decompress(d, payload).as_ref(), Ok(&*plain));
                (*plain, *payload) = (Vec::new(), Vec::new());
            }
            _ => {
                let piece = rng.message();
                let mut rest = &piece[..];
                loop {
                    let progress = c.compress(rest, false, &mut out);
                    payload.extend_from_slice(&out[..progress.produced]);
                    rest = &rest[progress.consumed..];
                    if progress.done {
                        break;
                    }
                }
                plain.extend(piece);
            }
        }
    }
}
