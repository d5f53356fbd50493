//! What context takeover costs and gains: bytes held per connection, ratio and time per message.
//!
//! `cargo bench -p wskit-deflate` prints the table of `docs/performance.md`. Times are the best of
//! many rounds, interleaved between the candidates, and mean something only beside one another.
#![allow(clippy::print_stdout, reason = "it prints a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark")]
#![allow(
    clippy::cast_precision_loss,
    reason = "ratios are printed to two places"
)]

use std::time::Instant;

use wskit_deflate::{Compressor, Config, Decompressor, Window};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

const ROUNDS: usize = 25;
const LEVEL: u8 = 1;

fn main() {
    println!(
        "| payload | takeover | held, bytes | ratio | compress, ns | of bare | decompress, ns |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    let mut rng = Rng(99);
    let small: Vec<_> = (0..2000).map(|_| rng.trade()).collect();
    let medium: Vec<_> = (0..200).map(|_| rng.trades(4096)).collect();
    let large: Vec<_> = (0..20).map(|_| rng.prose(64 << 10)).collect();
    for (name, messages) in [
        ("238 B JSON", small),
        ("4 KiB JSON", medium),
        ("64 KiB text", large),
    ] {
        table(name, &messages);
    }
}

fn table(name: &str, messages: &[Vec<u8>]) {
    let history = |bytes| Config::server().level(LEVEL).deflate_history(bytes);
    let mut candidates: Vec<(&str, Candidate)> = vec![
        ("bare zlib-rs", Candidate::bare()),
        ("none (pooled)", Candidate::ours(history(0), true)),
        ("history 512 B", Candidate::ours(history(512), false)),
        ("history 1 KiB", Candidate::ours(history(1024), false)),
        ("history 4 KiB", Candidate::ours(history(4096), false)),
        (
            "dedicated stream",
            Candidate::ours(history(1024).dedicated(true), false),
        ),
    ];
    let mut best = vec![(f64::MAX, f64::MAX); candidates.len()];
    for _ in 0..ROUNDS {
        for ((_, candidate), best) in candidates.iter_mut().zip(&mut best) {
            let (compress, decompress) = candidate.round(messages);
            *best = (best.0.min(compress), best.1.min(decompress));
        }
    }
    let plain: usize = messages.iter().map(Vec::len).sum();
    let bare = best[0].0;
    for ((label, candidate), (compress, decompress)) in candidates.iter().zip(&best) {
        println!(
            "| {name} | {label} | {} | {:.2} | {compress:.0} | {:.2} | {decompress:.0} |",
            candidate.held,
            plain as f64 / candidate.compressed as f64,
            compress / bare,
        );
    }
}

/// One way to send and receive.
struct Candidate {
    kind: Kind,
    out: Vec<u8>,
    /// Bytes that both directions of one connection hold between messages.
    held: usize,
    compressed: usize,
}

enum Kind {
    Bare,
    Ours { config: Config, window: Window },
}

impl Candidate {
    fn bare() -> Self {
        Self::new(Kind::Bare)
    }

    fn ours(config: Config, no_context_takeover: bool) -> Self {
        // The window that a server lets its clients have, both ways.
        let window = Window {
            bits: 12,
            no_context_takeover,
        };
        Self::new(Kind::Ours { config, window })
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            out: vec![0; 200_000],
            held: 0,
            compressed: 0,
        }
    }

    /// Sends all messages and receives them; nanoseconds per message.
    fn round(&mut self, messages: &[Vec<u8>]) -> (f64, f64) {
        match &self.kind {
            Kind::Bare => self.round_bare(messages),
            Kind::Ours { config, window } => {
                let compressor = Compressor::new(*window, config);
                let decompressor = Decompressor::new(*window, config);
                self.round_ours(messages, compressor, decompressor)
            }
        }
    }

    fn round_ours(
        &mut self,
        messages: &[Vec<u8>],
        mut compressor: Compressor,
        mut decompressor: Decompressor,
    ) -> (f64, f64) {
        let out = &mut self.out;
        let mut sent = Vec::with_capacity(messages.len());
        let mut spent = 0;
        for message in messages {
            let start = Instant::now();
            let progress = compressor.compress(message, true, out);
            spent += start.elapsed().as_nanos();
            assert!(progress.done);
            sent.push(out[..progress.produced].to_vec());
        }
        let mut took = 0;
        for (payload, message) in sent.iter().zip(messages) {
            let start = Instant::now();
            let progress = decompressor.decompress(payload, true, out).unwrap();
            took += start.elapsed().as_nanos();
            assert!(progress.done && out[..progress.produced] == message[..]);
        }
        self.held = compressor.buffer_bytes() + decompressor.buffer_bytes();
        self.compressed = sent.iter().map(Vec::len).sum();
        per_message(spent, took, messages)
    }

    fn round_bare(&mut self, messages: &[Vec<u8>]) -> (f64, f64) {
        let mut deflate = Deflate::new(i32::from(LEVEL), false, 12);
        let mut inflate = Inflate::new(false, 12);
        let out = &mut self.out;
        let mut sent = Vec::with_capacity(messages.len());
        let mut spent = 0;
        for message in messages {
            let before = deflate.total_out();
            let start = Instant::now();
            deflate
                .compress(message, out, DeflateFlush::SyncFlush)
                .unwrap();
            spent += start.elapsed().as_nanos();
            let n = usize::try_from(deflate.total_out() - before).unwrap();
            sent.push(out[..n].to_vec());
        }
        let mut took = 0;
        for payload in &sent {
            let start = Instant::now();
            inflate
                .decompress(payload, out, InflateFlush::SyncFlush)
                .unwrap();
            took += start.elapsed().as_nanos();
        }
        // Measured by an allocator that counts: 161 KiB and 46 KiB.
        self.held = (161 + 46) << 10;
        self.compressed = sent.iter().map(|payload| payload.len() - 4).sum();
        per_message(spent, took, messages)
    }
}

fn per_message(spent: u128, took: u128, messages: &[Vec<u8>]) -> (f64, f64) {
    let n = messages.len() as f64;
    (spent as f64 / n, took as f64 / n)
}

/// The same payloads on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }

    /// A message of a market feed, 238 bytes or so.
    fn trade(&mut self) -> Vec<u8> {
        let symbol =
            ["BTCUSD", "ETHUSD", "SOLUSD", "XRPUSD"][usize::try_from(self.below(4)).unwrap()];
        let side = ["buy", "sell"][usize::try_from(self.below(2)).unwrap()];
        format!(
            r#"{{"type":"trade","symbol":"{symbol}","price":"{}.{:02}","quantity":{},"side":"{side}","time":{},"maker":{},"taker":{},"fee":"0.{:05}","flags":["settled","reported"],"venue":"main","sequence":{},"checksum":"{:08x}"}}"#,
            self.below(100_000),
            self.below(100),
            self.below(10_000),
            1_700_000_000_000 + self.below(1_000_000_000),
            self.below(1_000_000),
            self.below(1_000_000),
            self.below(100_000),
            self.below(100_000_000),
            self.below(1 << 32),
        )
        .into_bytes()
    }

    fn trades(&mut self, size: usize) -> Vec<u8> {
        let mut text = b"[".to_vec();
        while text.len() < size {
            text.extend(self.trade());
            text.push(b',');
        }
        text
    }

    /// Words of unequal frequency, as prose has them.
    fn prose(&mut self, size: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(size + 16);
        while text.len() < size {
            let rank = self.below(60) * self.below(60);
            let mut word = Rng(rank + 1);
            for _ in 0..2 + word.below(7) {
                text.push(
                    b"etaoinshrdlucmfwypvbgkqjxz"
                        [usize::try_from(word.below(26) * word.below(26) / 26).unwrap()],
                );
            }
            text.push(if self.below(12) == 0 { b'.' } else { b' ' });
        }
        text.truncate(size);
        text
    }
}
