//! A text is unmasked where it lies in a read buffer, and validated.
//!
//! The key is zeros, which the compiler does not know, so that the text is unchanged for the next iteration
//! and need not be copied in: bytes that have just been written are read more slowly.

use std::hint::black_box;

use wskit_frame::{Mask, Utf8Check};

use crate::mask::Slots;
use crate::sample;
use crate::{Case, Run, size_name};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let of = |name, text: fn(usize) -> Vec<u8>| {
        SIZES.map(move |len| {
            case(
                format!("unmask + validate {name} {}", size_name(len)),
                text(len),
            )
        })
    };
    of("ASCII", sample::ascii)
        .into_iter()
        .chain(of("CJK", sample::cjk))
}

fn case(name: String, text: Vec<u8>) -> Case {
    let copied = {
        let (source, mut target) = (Slots::new(&text), Slots::new(&text));
        let (mut at, mut to) = (source.start(), target.start());
        let len = text.len();
        move |n| {
            for _ in 0..n {
                let source = &source.bytes[source.next(&mut at)..][..black_box(len)];
                let to = target.next(&mut to);
                target.bytes[to..to + source.len()].copy_from_slice(source);
            }
        }
    };
    let runs = vec![
        Run::new("memcpy", copied),
        run("wskit, unmask only", &text, |data, key| {
            Mask::new(key).apply(data);
            true
        }),
        run("wskit", &text, |data, key| {
            let mut utf8 = Utf8Check::new();
            let valid = Mask::new(key).apply_text(data, &mut utf8);
            valid.is_ok() && utf8.finish().is_ok()
        }),
        run("sockudo-ws", &text, |data, key| {
            sockudo_ws::simd::apply_mask(data, key);
            sockudo_ws::utf8::validate_utf8(data)
        }),
        run("fastwebsockets", &text, |data, key| {
            use fastwebsockets::{Frame, OpCode, Payload};
            let mut frame = Frame::new(true, OpCode::Text, Some(key), Payload::BorrowedMut(data));
            frame.unmask();
            frame.is_utf8()
        }),
    ];
    Case::new(name, runs)
}

fn run(
    who: &'static str,
    text: &[u8],
    receive: impl Fn(&mut [u8], [u8; 4]) -> bool + 'static,
) -> Run {
    let mut slots = Slots::new(text);
    let mut at = slots.start();
    let len = text.len();
    Run::new(who, move |n| {
        for _ in 0..n {
            let from = slots.next(&mut at);
            let data = &mut slots.bytes[from..from + black_box(len)];
            assert!(receive(data, black_box([0; 4])));
        }
    })
}
