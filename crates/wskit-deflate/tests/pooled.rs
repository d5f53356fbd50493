//! Streams are lent from connection to connection: what one leaves behind, no other shows.

mod support;

use support::{Rng, codec, compress, window};
use wskit_deflate::{Config, compress_prepared};

/// The engine hashes one byte beyond the end of the history that it is given. Were that byte another
/// connection's, the length of what follows would tell which byte it is.
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
            // What the other connection says; none at first: a thread of its own has streams of its own.
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

/// The same in any order of messages of both, below and above what the windows hold: what comes out depends on
/// when another connection had the stream, never on what it said.
///
/// Proves: X-def-2
#[test]
fn output_tells_nothing_of_other_connections_in_any_order() {
    for seed in 0..600 {
        let outputs: Vec<Vec<Vec<u8>>> = [b'a', b'b', b'X', 0]
            .into_iter()
            .map(|said| {
                let mut rng = Rng(seed);
                let bits = 9 + rng.below(3) as u8;
                let level = 1 + rng.below(9) as u8;
                let config = Config::server()
                    .level(level)
                    .deflate_history(1 + rng.below(1 << bits));
                let (mut other, _) = codec(window(bits, false), &config);
                let (mut c, _) = codec(window(bits, false), &config);
                let mut output = Vec::new();
                for _ in 0..30 {
                    // Few letters: every few bytes have been there before.
                    let longest = [30, (1 << bits) / 2, 2 << bits, 5 << bits][rng.below(4)];
                    let len = rng.below(longest);
                    let message: Vec<u8> = (0..len).map(|_| b'a' + rng.below(3) as u8).collect();
                    match rng.below(6) {
                        0 => drop(compress(&mut other, &vec![said; len])),
                        1 => drop(compress_prepared(level, bits, &vec![said; len])),
                        _ => output.push(compress(&mut c, &message)),
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
