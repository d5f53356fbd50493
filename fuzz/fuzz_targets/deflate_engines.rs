//! permessage-deflate against a second engine and a plain reading, both ways, message after message.
//!
//! Input: flags (low half: what the peer sends: 0 and 1 what another engine wrote, 2 what a script
//! wrote, 3 raw bytes; bit 4: no takeover, 5: a stream of its own, 6: half of the history), window bits and
//! level (1: low three bits, then the rest), how it is cut on the way in and out (8), then messages: a size and
//! what it is filled with, or a script, or a length and bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_deflate::{
    Budget, Compressor, Config, Decompressor, Params, Role, Window, compress_prepared,
};
use wskit_fuzz::{
    Cuts, InflateEnd, InflateReference, Input, MinizDeflate, MinizInflate, Terms, deflate_script,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let choice = input.byte();
    let (bits, level) = (9 + (choice & 7) % 7, choice >> 3);
    let cuts = Cuts::new(&mut input);
    let empty = flags & 16 != 0;
    let dedicated = flags & 32 != 0;
    let window = Window {
        bits,
        no_context_takeover: empty,
    };
    let history = if flags & 64 == 0 { 1 << 15 } else { 700 };
    let config = Config::server()
        .level(level)
        .dedicated(dedicated)
        .deflate_history(history)
        .budget(Budget::new(1 << 30));
    let (compressor, decompressor) = Params::new(Role::Server, window, window).codec(&config);
    let terms = Terms {
        bits,
        no_context_takeover: empty,
        dedicated: dedicated && !empty,
    };
    match flags & 3 {
        3 => raw(&mut input, decompressor, terms, cuts),
        2 => scripts(&mut input, decompressor, terms, cuts),
        _ => messages(&mut input, (compressor, decompressor), terms, cuts, level),
    }
});

/// What wskit writes the other engine reads, within the window; what the other engine writes wskit reads.
fn messages(
    input: &mut Input<'_>,
    (mut compressor, mut decompressor): (Compressor, Decompressor),
    terms: Terms,
    cuts: Cuts,
    level: u8,
) {
    let empty = terms.no_context_takeover;
    let mut peer_sends = MinizDeflate::new(level, empty);
    let mut peer_reads = MinizInflate::new(empty);
    let mut plainly = InflateReference::new(terms);
    let wide = terms.bits == 15 || terms.dedicated;
    let mut total = 0;
    while !input.is_empty() && total < MOST {
        let kind = input.byte();
        let plain = filled(input, kind);
        total += plain.len();

        let payload = if kind & 0xc0 == 0xc0 && !empty {
            let payload = compress_prepared(level, terms.bits, &plain);
            compressor.note_prepared(&plain);
            payload
        } else {
            compress(&mut compressor, &plain, cuts)
        };
        let read = peer_reads.message(&payload);
        assert!(
            read.as_ref() == Some(&plain),
            "the other engine reads what was written"
        );
        let read = plainly.read(&payload, true, usize::MAX >> 1);
        assert_eq!(read.end, InflateEnd::Whole);
        assert!(read.plain == plain);
        assert!(
            read.farthest <= 1 << terms.bits,
            "a distance of {} in a window of {} bits",
            read.farthest,
            terms.bits
        );
        plainly.keep(&read);

        // The other engine has no small windows.
        if wide {
            let payload = peer_sends.message(&plain, usize::from(kind >> 4 & 3));
            let came = decompress(&mut decompressor, &payload, cuts);
            assert!(
                came.as_deref() == Some(&plain[..]),
                "what the other engine wrote is read"
            );
        }
    }
}

/// References of every kind, as far as the window reaches and one byte further.
fn scripts(input: &mut Input<'_>, mut decompressor: Decompressor, terms: Terms, cuts: Cuts) {
    let mut plainly = InflateReference::new(terms);
    let mut miniz = MinizInflate::new(terms.no_context_takeover);
    let window = if terms.no_context_takeover {
        0
    } else {
        1 << terms.bits
    };
    let mut history = Vec::new();
    while !input.is_empty() && history.len() < MOST {
        let beyond = usize::from(input.byte() > 250);
        let mut plain = Vec::new();
        let payload = deflate_script(input, &history, window + beyond, &mut plain);
        let expected = plainly.read(&payload, true, usize::MAX >> 1);
        let came = decompress(&mut decompressor, &payload, cuts);
        if beyond == 0 {
            assert_eq!(
                expected.end,
                InflateEnd::Whole,
                "the script writes what can be read"
            );
            assert!(expected.plain == plain);
            assert!(
                miniz.message(&payload).as_ref() == Some(&plain),
                "the second engine agrees"
            );
        }
        assert_eq!(came.is_some(), expected.end == InflateEnd::Whole);
        let Some(came) = came else { return };
        assert!(came == expected.plain);
        plainly.keep(&expected);
        if beyond == 1 {
            return;
        }
        history.extend_from_slice(&plain);
    }
}

/// Whatever comes is accepted or refused as the plain reading says, and so whatever the cuts.
fn raw(input: &mut Input<'_>, mut decompressor: Decompressor, terms: Terms, cuts: Cuts) {
    let mut plainly = InflateReference::new(terms);
    let mut miniz = Some(MinizInflate::new(terms.no_context_takeover));
    for _ in 0..8 {
        let len = usize::from(input.byte());
        let payload = if len > 250 {
            input.rest()
        } else {
            input.slice(len)
        };
        let expected = plainly.read(payload, true, RAW);
        if expected.end == InflateEnd::TooLong {
            return;
        }
        let came = decompress(&mut decompressor, payload, cuts);
        assert_eq!(
            came.is_some(),
            expected.end == InflateEnd::Whole,
            "{expected:?}"
        );
        let Some(came) = came else {
            let again = decompressor.decompress(b"\0", true, &mut [0; 9]);
            assert!(
                again.is_err() && decompressor.buffer_bytes() == 0,
                "an error stays"
            );
            return;
        };
        assert!(came == expected.plain);
        // An engine of its own ends its stream with a final block, and has 32 KiB of window.
        if expected.final_block || terms.bits < 15 || payload.is_empty() {
            miniz = None;
        }
        if let Some(miniz) = &mut miniz {
            assert!(
                miniz.message(payload).is_none_or(|plain| plain == came),
                "the second engine reads something else"
            );
        }
        plainly.keep(&expected);
        if input.is_empty() {
            return;
        }
    }
}

fn filled(input: &mut Input<'_>, kind: u8) -> Vec<u8> {
    let len = input.size().min(MOST / 4);
    match kind & 7 {
        0 => input.slice(len).to_vec(),
        1 => vec![b'a'; len],
        2 => {
            let mut state = u32::from(input.byte()) + 1;
            let mut next = || {
                state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
                (state >> 24) as u8
            };
            (0..len).map(|_| next()).collect()
        }
        _ => {
            let words: [&[u8]; 4] = [b"{\"price\":", b"12.5,", b"\"side\":\"buy\"}", b"\n"];
            let mut text = Vec::new();
            let mut at = u32::from(input.byte());
            while text.len() < len {
                text.extend_from_slice(words[at as usize % 4]);
                text.push(b'0' + (at % 10) as u8);
                at = at.wrapping_mul(5).wrapping_add(3);
            }
            text.truncate(len);
            text
        }
    }
}

/// In pieces, into rooms of those sizes too.
fn compress(compressor: &mut Compressor, plain: &[u8], cuts: Cuts) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut rooms = cuts.sizes();
    let mut given = 0;
    for piece in cuts.pieces(plain).chain([&b""[..]]) {
        given += piece.len();
        let end = given == plain.len();
        let mut rest = piece;
        loop {
            let mut out = vec![0; rooms.next().unwrap_or(1).max(1)];
            let progress = compressor.compress(rest, end, &mut out);
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
            break;
        }
    }
    payload
}

fn decompress(decompressor: &mut Decompressor, payload: &[u8], cuts: Cuts) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut rooms = cuts.sizes();
    let mut given = 0;
    for piece in cuts.pieces(payload).chain([&b""[..]]) {
        given += piece.len();
        let end = given == payload.len();
        let mut rest = piece;
        loop {
            let mut out = vec![0; rooms.next().unwrap_or(1).max(1)];
            let progress = decompressor.decompress(rest, end, &mut out).ok()?;
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
            break;
        }
    }
    Some(plain)
}

const MOST: usize = 100 << 10;
const RAW: usize = 100 << 10;
