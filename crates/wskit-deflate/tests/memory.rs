//! The memory of a connection, counted by the allocator.

mod support;

use support::{OrdinaryInflate, OrdinaryWindow, Rng, codec, compress, decompress, window};
use wskit_deflate::{Compressor, Config, Decompressor, compress_prepared};
use wskit_test::alloc::{Counting, calls, live};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes in use beyond what was in use before.
fn since(before: isize) -> usize {
    usize::try_from(live() - before).unwrap()
}

/// Proves: X-def-2
#[test]
fn nothing_is_allocated_before_the_first_message() {
    for config in [
        Config::server(),
        Config::client(),
        Config::server().dedicated(true),
    ] {
        let before = calls();
        let (mut c, mut d) = codec(window(15, false), &config);
        assert!(!c.begin(Some(3)) && c.begin(Some(1000)));
        c.compress(b"", false, &mut [0; 9]);
        d.decompress(b"", true, &mut [0; 9]).unwrap();
        assert_eq!(calls(), before);
        assert_eq!((c.buffer_bytes(), d.buffer_bytes()), (0, 0));
    }
}

/// 10,000 connections with takeover both ways: 2 KiB for the peer's window, 1 KiB
/// of own history.
///
/// Proves: X-def-2
#[test]
fn ten_thousand_connections_hold_four_kib_each() {
    const CONNECTIONS: usize = 10_000;
    let config = Config::server();
    let mut rng = Rng(61);
    let sent: Vec<_> = (0..20).map(|_| rng.json()).collect();
    let mut peer = OrdinaryWindow::new(1, 11);
    let received: Vec<_> = sent.iter().map(|plain| peer.message(plain)).collect();
    // The streams of the thread.
    let (mut c, mut d) = codec(window(11, false), &config);
    decompress(&mut d, &compress(&mut c, &sent[0])).unwrap();
    drop((c, d));

    let before = live();
    let mut connections: Vec<(Compressor, Decompressor)> = Vec::with_capacity(CONNECTIONS);
    connections.extend((0..CONNECTIONS).map(|_| codec(window(11, false), &config)));
    let mut out = [0; 1024];
    for (plain, payload) in sent.iter().zip(&received) {
        for (c, d) in &mut connections {
            let progress = c.compress(plain, true, &mut out);
            assert!(progress.done && progress.consumed == plain.len());
            let progress = d.decompress(payload, true, &mut out).unwrap();
            assert!(progress.done && out[..progress.produced] == plain[..]);
        }
    }
    let each = since(before) / CONNECTIONS;
    assert!(each <= 4096, "{each} bytes each");
    let held: usize = connections
        .iter()
        .map(|(c, d)| c.buffer_bytes() + d.buffer_bytes())
        .sum();
    let sizes = size_of::<(Compressor, Decompressor)>();
    assert!(
        (each - held / CONNECTIONS).abs_diff(sizes) <= 1,
        "buffer_bytes() tells the truth"
    );
    // 1 KiB, 2 KiB and the two values.
    assert_eq!((each, held / CONNECTIONS), (3072 + sizes, 3072));
    assert!(sizes <= 256, "{sizes}");
}

/// Bytes of a stream by window bits, as `buffer_bytes` tells them, within a tenth of what
/// the allocator sees.
///
/// Proves: X-def-2
#[test]
fn held_counts_dedicated_streams() {
    let config = Config::server().dedicated(true);
    for bits in 9..=15 {
        for level in [1, 6, 9] {
            let (mut c, mut d) = codec(window(bits, false), &config.clone().level(level));
            let mut out = [0; 999];
            let before = live();
            c.compress(b"Hello", true, &mut out);
            let (real, told) = (since(before), c.buffer_bytes());
            assert!(
                real.abs_diff(told) < real / 10,
                "{bits} bits: {real}, told {told}"
            );
            assert!(real <= 380 << 10);
            let before = live();
            d.decompress(&[0], true, &mut out).unwrap();
            let (real, told) = (since(before), d.buffer_bytes());
            assert!(
                real.abs_diff(told) < real / 10,
                "inflate: {real}, told {told}"
            );
            assert!(real <= 48 << 10);
        }
    }
}

/// A message that is done in one call, on a thread that has its streams,
/// allocates nothing once the history is full.
///
/// Proves: X-def-2
#[test]
fn messages_allocate_nothing_in_the_long_run() {
    let mut rng = Rng(67);
    let mut out = vec![0; 100_000];
    for dedicated in [false, true] {
        let (mut c, mut d) = codec(window(12, false), &Config::server().dedicated(dedicated));
        let mut before = 0;
        for n in 0..200 {
            if n == 100 {
                before = live();
            }
            let plain = rng.message();
            let calls_before = calls();
            let packed = c.compress(&plain, true, &mut out);
            let payload = out[..packed.produced].to_vec();
            let unpacked = d.decompress(&payload, true, &mut out).unwrap();
            assert!(packed.done && unpacked.done && out[..unpacked.produced] == plain[..]);
            assert!(
                n < 100 || calls() == calls_before + 1,
                "only the copy made here"
            );
            drop((plain, payload));
        }
        assert_eq!(live(), before, "memory is flat");
    }
}

/// Streams needed by a burst of stalled messages are not kept forever.
///
/// Proves: X-def-2
#[test]
fn thread_keeps_a_few_streams_only() {
    let config = Config::server();
    let before = live();
    let mut out = [0; 999];
    let mut all: Vec<_> = (0..50)
        .map(|n| codec(window(9 + n % 7, true), &config))
        .collect();
    for (c, d) in &mut all {
        c.compress(b"Hello", false, &mut out);
        assert!(d.decompress(&[0xf2], false, &mut out).unwrap().done);
    }
    assert!(since(before) > 50 * (180 << 10));
    for (c, d) in &mut all {
        assert!(c.compress(b"", true, &mut out).done);
        assert!(
            d.decompress(&[0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], true, &mut out)
                .unwrap()
                .done
        );
    }
    drop(all);
    assert!(
        since(before) < (3 * 380 + 8 * 48) << 10,
        "{}",
        since(before)
    );
}

/// A bomb allocates the stream and the history, and nothing in proportion to
/// its size.
///
/// Proves: X-def-1
#[test]
fn bomb_keeps_memory_flat() {
    let payload = compress_prepared(9, 15, &vec![0; 32 << 20]);
    let (_, mut d) = codec(window(15, false), &Config::server());
    let mut out = vec![0; 64 << 10];
    let before = live();
    let mut rest = &payload[..];
    let (mut total, mut highest) = (0, 0);
    loop {
        let progress = d.decompress(rest, true, &mut out).unwrap();
        rest = &rest[progress.consumed..];
        total += progress.produced;
        highest = highest.max(since(before));
        if progress.done {
            break;
        }
    }
    assert_eq!(total, 32 << 20);
    assert!(highest < 100 << 10, "{highest}");
    assert_eq!(
        OrdinaryInflate::new()
            .message(&payload)
            .map(|plain| plain.len())
            .unwrap(),
        32 << 20
    );
}
