//! Peers, messages and small steps for the tests.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod scan;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use wskit_deflate::{Compressor, Config, DecompressError, Decompressor, Params, Role, Window};

pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compresses a message in pieces of `input` bytes into rooms of `room` bytes.
pub(crate) fn compress_by(c: &mut Compressor, plain: &[u8], input: usize, room: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut out = vec![0; room];
    let mut chunks = plain.chunks(input.max(1)).peekable();
    loop {
        let mut rest = chunks.next().unwrap_or_default();
        let end = chunks.peek().is_none();
        loop {
            let progress = c.compress(rest, end, &mut out);
            assert!(
                progress.done || progress.consumed + progress.produced > 0,
                "stuck"
            );
            payload.extend_from_slice(&out[..progress.produced]);
            rest = &rest[progress.consumed..];
            if progress.done {
                assert!(rest.is_empty());
                break;
            }
        }
        if end {
            return payload;
        }
    }
}

pub(crate) fn compress(c: &mut Compressor, plain: &[u8]) -> Vec<u8> {
    compress_by(c, plain, usize::MAX, 4096)
}

/// Decompresses a message in pieces of `input` bytes into rooms of `room` bytes.
pub(crate) fn decompress_by(
    d: &mut Decompressor,
    payload: &[u8],
    input: usize,
    room: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut plain = Vec::new();
    let mut out = vec![0; room];
    let mut chunks = payload.chunks(input.max(1)).peekable();
    loop {
        let mut rest = chunks.next().unwrap_or_default();
        let end = chunks.peek().is_none();
        loop {
            let progress = d.decompress(rest, end, &mut out)?;
            assert!(
                progress.done || progress.consumed + progress.produced > 0,
                "stuck"
            );
            plain.extend_from_slice(&out[..progress.produced]);
            rest = &rest[progress.consumed..];
            if progress.done {
                assert!(rest.is_empty());
                break;
            }
        }
        if end {
            return Ok(plain);
        }
    }
}

pub(crate) fn decompress(d: &mut Decompressor, payload: &[u8]) -> Result<Vec<u8>, DecompressError> {
    decompress_by(d, payload, usize::MAX, 4096)
}

pub(crate) fn window(bits: u8, no_context_takeover: bool) -> Window {
    Window {
        bits,
        no_context_takeover,
    }
}

/// A server's codec with the same window both ways.
pub(crate) fn codec(window: Window, config: &Config) -> (Compressor, Decompressor) {
    Params::new(Role::Server, window, window).codec(config)
}

/// An ordinary receiver: one stateful stream for all messages.
pub(crate) struct OrdinaryInflate(Decompress);

impl OrdinaryInflate {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }

    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, flate2::DecompressError> {
        let input = [payload, &TAIL].concat();
        let mut rest = &input[..];
        let mut plain = Vec::new();
        let mut out = vec![0; 1 << 16];
        loop {
            let (was_in, was_out) = (self.0.total_in(), self.0.total_out());
            let status = self.0.decompress(rest, &mut out, FlushDecompress::Sync)?;
            rest = &rest[(self.0.total_in() - was_in) as usize..];
            let produced = (self.0.total_out() - was_out) as usize;
            plain.extend_from_slice(&out[..produced]);
            if status == Status::StreamEnd {
                self.0.reset(false);
            } else if rest.is_empty() && produced < out.len() {
                return Ok(plain);
            }
        }
    }
}

/// An ordinary sender: one stateful stream for all messages.
pub(crate) struct OrdinaryDeflate(Compress);

impl OrdinaryDeflate {
    pub(crate) fn new(level: u32) -> Self {
        Self(Compress::new(Compression::new(level), false))
    }

    pub(crate) fn message(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; plain.len() + plain.len() / 8 + 256];
        let (was_in, was_out) = (self.0.total_in(), self.0.total_out());
        self.0
            .compress(plain, &mut payload, FlushCompress::Sync)
            .unwrap();
        assert_eq!((self.0.total_in() - was_in) as usize, plain.len());
        payload.truncate((self.0.total_out() - was_out) as usize);
        assert!(payload.ends_with(&TAIL), "{payload:?}");
        payload.truncate(payload.len() - 4);
        payload
    }
}

/// An ordinary sender with a window of 9 to 15 bits.
pub(crate) struct OrdinaryWindow(zlib_rs::Deflate);

impl OrdinaryWindow {
    pub(crate) fn new(level: i32, bits: u8) -> Self {
        Self(zlib_rs::Deflate::new(level, false, bits))
    }

    pub(crate) fn message(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; plain.len() + plain.len() / 8 + 256];
        let was_out = self.0.total_out();
        self.0
            .compress(plain, &mut payload, zlib_rs::DeflateFlush::SyncFlush)
            .unwrap();
        payload.truncate((self.0.total_out() - was_out) as usize);
        assert!(payload.ends_with(&TAIL), "{payload:?}");
        payload.truncate(payload.len() - 4);
        payload
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    /// A message of a random kind: JSON, repetition, noise, text, short.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        match self.below(8) {
            0..=2 => self.json(),
            3 => {
                let byte = self.next() as u8;
                vec![byte; 1 + self.below(5000)]
            }
            4 => (0..=self.below(600)).map(|_| self.next() as u8).collect(),
            5 => {
                let words = [
                    "window", "history", "stream", "frame", "message", "peer", " ", "\n",
                ];
                (0..=self.below(400))
                    .flat_map(|_| words[self.below(8)].bytes())
                    .collect()
            }
            6 => (0..=self.below(4))
                .map(|_| b'a' + self.below(3) as u8)
                .collect(),
            _ => {
                // Longer than any window, with matches at all distances.
                let base: Vec<u8> = (0..=self.below(3000)).map(|_| self.next() as u8).collect();
                let mut message = base.clone();
                for _ in 0..self.below(20) {
                    let from = self.below(base.len());
                    message.extend_from_slice(&base[from..]);
                }
                message
            }
        }
    }

    /// 238 bytes or so.
    pub(crate) fn json(&mut self) -> Vec<u8> {
        format!(
            r#"{{"type":"trade","symbol":"{}","price":"{}.{:02}","quantity":{},"side":"{}","time":{},"maker":{},"taker":{},"fee":"0.{:05}","flags":["settled","reported"],"venue":"main","sequence":{},"checksum":"{:08x}"}}"#,
            ["BTCUSD", "ETHUSD", "SOLUSD", "XRPUSD"][self.below(4)],
            self.below(100_000),
            self.below(100),
            self.below(10_000),
            ["buy", "sell"][self.below(2)],
            1_700_000_000_000 + self.below(1_000_000_000),
            self.below(1_000_000),
            self.below(1_000_000),
            self.below(100_000),
            self.below(100_000_000),
            self.next() as u32,
        )
        .into_bytes()
    }
}
