//! permessage-deflate: messages of a market feed, with and without context takeover.

use std::cell::Cell;
use std::hint::black_box;

use sockudo_ws::DeflateWindowBits;
use sockudo_ws::deflate::{DeflateDecoder, DeflateEncoder};
use wskit_deflate::{Compressor, Config, Decompressor, Window};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use crate::sample::{Rng, trade, trades};
use crate::{Case, Run};

const LEVEL: u8 = 1;
const COUNT: usize = 200;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, size) in [("238 B JSON", 238), ("4 KiB JSON", 4096)] {
        for takeover in [true, false] {
            let mut rng = Rng(99);
            let messages: Vec<_> = (0..COUNT)
                .map(|_| match size {
                    238 => trade(&mut rng),
                    size => trades(&mut rng, size),
                })
                .collect();
            let how = if takeover { "takeover" } else { "no takeover" };
            cases.push(Case::new(
                format!("deflate {name}, {how}"),
                deflate(&messages, takeover),
            ));
            cases.push(Case::new(
                format!("inflate {name}, {how}"),
                inflate(&messages, takeover),
            ));
        }
    }
    cases
}

/// Returns what a server of wskit agrees to by default.
fn window(takeover: bool) -> Window {
    Window {
        bits: 12,
        no_context_takeover: !takeover,
    }
}

fn deflate(messages: &[Vec<u8>], takeover: bool) -> Vec<Run> {
    let mut bare = Deflate::new(i32::from(LEVEL), false, 12);
    let mut bare_out = vec![0; 1 << 16];
    let ours = |dedicated| {
        let config = Config::server().level(LEVEL).dedicated(dedicated);
        let mut compressor = Compressor::new(window(takeover), &config);
        let mut out = vec![0; 1 << 16];
        turn(messages, move |_, message| {
            let progress = compressor.compress(message, true, &mut out);
            assert!(progress.done);
        })
    };
    let mut theirs = DeflateEncoder::new(DeflateWindowBits::Bits12, !takeover, u32::from(LEVEL), 0);
    let bare = turn(messages, move |_, message| {
        if !takeover {
            bare.reset();
        }
        let flush = DeflateFlush::SyncFlush;
        black_box(bare.compress(message, &mut bare_out, flush).unwrap());
    });
    let mut runs = vec![
        Run::new("bare zlib-rs", bare),
        Run::new("wskit", ours(false)),
    ];
    if takeover {
        runs.push(Run::new("wskit, dedicated", ours(true)));
    }
    runs.push(Run::new(
        "sockudo-ws",
        turn(messages, move |_, message| {
            black_box(theirs.compress(message).unwrap());
        }),
    ));
    runs
}

fn inflate(messages: &[Vec<u8>], takeover: bool) -> Vec<Run> {
    // All take the same payloads.
    let config = Config::server().level(LEVEL).deflate_history(4096);
    let mut compressor = Compressor::new(window(takeover), &config);
    let mut out = vec![0; 1 << 16];
    let payloads: Vec<_> = messages
        .iter()
        .map(|message| {
            let progress = compressor.compress(message, true, &mut out);
            assert!(progress.done);
            out[..progress.produced].to_vec()
        })
        .collect();
    let closed: Vec<_> = payloads
        .iter()
        .map(|payload| [payload, &[0, 0, 0xff, 0xff][..]].concat())
        .collect();

    let mut bare = Inflate::new(false, 12);
    let mut bare_out = vec![0; 1 << 16];
    let bare = turn(&closed, move |first, payload| {
        if first || !takeover {
            bare.reset(false);
        }
        let flush = InflateFlush::SyncFlush;
        black_box(bare.decompress(payload, &mut bare_out, flush).unwrap());
    });
    let ours = |dedicated| {
        let config = Config::server().dedicated(dedicated);
        let new = move || Decompressor::new(window(takeover), &config);
        let mut decompressor = new();
        let mut out = vec![0; 1 << 16];
        turn(&payloads, move |first, payload| {
            if first {
                decompressor = new();
            }
            let progress = decompressor.decompress(payload, true, &mut out).unwrap();
            assert!(progress.done);
        })
    };
    let mut theirs = DeflateDecoder::new(DeflateWindowBits::Bits12, !takeover);
    let sockudo = turn(&payloads, move |first, payload| {
        if first {
            theirs.reset();
        }
        black_box(theirs.decompress(payload, 1 << 20).unwrap());
    });
    let mut runs = vec![
        Run::new("bare zlib-rs", bare),
        Run::new("wskit", ours(false)),
    ];
    if takeover {
        runs.push(Run::new("wskit, dedicated", ours(true)));
    }
    runs.push(Run::new("sockudo-ws", sockudo));
    runs
}

/// Returns the messages in turn, and whether each is the first of a connection.
fn turn<T: FnMut(bool, &[u8])>(messages: &[Vec<u8>], mut take: T) -> impl FnMut(u64) + use<T> {
    let messages = messages.to_vec();
    let at = Cell::new(0);
    move |n| {
        for _ in 0..n {
            let now = at.get();
            take(now == 0, black_box(&messages[now]));
            at.set((now + 1) % messages.len());
        }
    }
}
