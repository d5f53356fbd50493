//! Connections share streams: no data of one shows in the output of another.

mod support;

use support::{Rng, codec, compress, compress_by, window};
use wskit_deflate::{Compressor, Config, compress_prepared};

/// The engine hashes one byte beyond the end of its history. If it belonged to another connection,
/// the length of the output would reveal it.
///
/// Proves: X-def-2
#[test]
fn output_tells_nothing_of_other_connections() {
    for level in 1..=9 {
        for (history, len) in [
            (4096, 3),
            (4096, 17),
            (4096, 1000),
            (4096, 1900),
            (700, 100),
            (512, 200),
        ] {
            let mut outputs = Vec::new();
            // The message of the other connection. The first run has none: a new thread has its own
            // streams.
            for said in [None, Some(b'q'), Some(b'#'), Some(b'z'), Some(0)] {
                let output = move || {
                    let config = Config::server().level(level).deflate_history(history);
                    let (mut other, _) = codec(window(15, false), &config);
                    let (mut c, _) = codec(window(15, false), &config);
                    let mut output = Vec::new();
                    let mut rng = Rng(7);
                    let filling: Vec<u8> = (0..len).map(|_| b'a' + rng.below(12) as u8).collect();
                    // Ends as something before goes on.
                    let first = [&filling[..], b"ABCqrstuvwx", &filling, b"ABC"].concat();
                    let second = b"0123 ABCqrstuvwx".to_vec();
                    for message in [&first, &second] {
                        for _ in 0..2 {
                            if let Some(said) = said {
                                compress(&mut other, &vec![said; 20_000]);
                            }
                        }
                        output.push(compress(&mut c, message));
                    }
                    output
                };
                outputs.push(std::thread::spawn(output).join().unwrap());
            }
            for output in &outputs {
                assert_eq!(
                    *output, outputs[0],
                    "level {level} history {history} message {len}"
                );
            }
        }
    }
}

/// A message that begins with a piece of one or two bytes: the engine then hashes two bytes more.
///
/// Proves: X-def-2
#[test]
fn short_first_piece_tells_nothing_of_other_connections() {
    for level in 1..=9 {
        for cut in 0..3 {
            let output = |said: u8| {
                let config = Config::server().level(level).deflate_history(1000);
                let (mut other, _) = codec(window(15, false), &config);
                let (mut c, _) = codec(window(15, false), &config);
                let mut rng = Rng(7);
                let mut filling =
                    |len| -> Vec<u8> { (0..len).map(|_| b'a' + rng.below(12) as u8).collect() };
                // Ends as something before goes on, and goes on so.
                let (before, after) = b"ABC".split_at(cut);
                let first = [
                    &filling(489 - cut)[..],
                    b"ABCqrstuvwx",
                    &filling(500),
                    before,
                ]
                .concat();
                compress(&mut c, &first);
                compress(&mut other, &vec![said; 20_000]);
                compress_pieces(&mut c, &[after, b"0123 ABCqrstuvwx"])
            };
            let outputs = [b'q', b'#', 0].map(output);
            assert_eq!(outputs[0], outputs[1], "level {level} cut {cut}");
            assert_eq!(outputs[0], outputs[2], "level {level} cut {cut}");
        }
    }
}

fn compress_pieces(c: &mut Compressor, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut payload, mut out) = (Vec::new(), vec![0; 4096]);
    for (at, piece) in pieces.iter().enumerate() {
        let progress = c.compress(piece, at + 1 == pieces.len(), &mut out);
        assert!(progress.done);
        payload.extend_from_slice(&out[..progress.produced]);
    }
    payload
}

/// Any order of messages of both, in any pieces, below and above the size of the windows: the
/// output depends on when another connection had the stream, never on its data.
///
/// Proves: X-def-2
#[test]
fn output_tells_nothing_of_other_connections_in_any_order() {
    for seed in 0..400 {
        let outputs: Vec<Vec<Vec<u8>>> = (0..4)
            .map(|variant| {
                let mut rng = Rng(seed);
                let mut theirs = Rng(seed * 4 + variant);
                let bits = 9 + rng.below(3) as u8;
                let level = if rng.below(2) == 0 {
                    9
                } else {
                    1 + rng.below(9) as u8
                };
                let full = 1 << bits;
                let history = [full, 262, 1 + rng.below(full), 1 + rng.below(64)][rng.below(4)];
                let config = Config::server().level(level).deflate_history(history);
                let (mut other, _) = codec(window(bits, false), &config);
                let (mut c, _) = codec(window(bits, false), &config);
                let (mut output, mut total) = (Vec::new(), 0);
                for _ in 0..30 {
                    let longest = [4, 30, full / 2, 2 * full, 5 * full][rng.below(5)];
                    let mut len = rng.below(longest);
                    if rng.below(3) == 0 {
                        // The ring begins at its first byte or its second.
                        len = history + 1 + rng.below(2) - total % history;
                    }
                    // Few letters, so that every few bytes repeat earlier ones.
                    let message: Vec<u8> = (0..len).map(|_| b'a' + rng.below(3) as u8).collect();
                    let said: Vec<u8> = match variant {
                        0 => vec![0; len],
                        1 => message.clone(),
                        _ => (0..len).map(|_| b'a' + theirs.below(4) as u8).collect(),
                    };
                    let piece = [1, 2, 3, 7, 100, usize::MAX][rng.below(6)];
                    let room = [7, 64, 300, 4096][rng.below(4)];
                    match rng.below(6) {
                        0 => drop(compress(&mut other, &said)),
                        1 => drop(compress_prepared(level, bits, &said)),
                        _ => {
                            output.push(compress_by(&mut c, &message, piece, room));
                            total += len;
                        }
                    }
                }
                output
            })
            .collect();
        for output in &outputs {
            assert!(*output == outputs[0], "seed {seed}");
        }
    }
}
