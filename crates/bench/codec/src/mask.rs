//! Masking in place, with payloads placed as in a read buffer.

use std::hint::black_box;

use crate::sample::{self, KEY};
use crate::{Case, Run, size_name};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

/// Short frames are taken in turn from this many bytes.
const BUFFER: usize = 16 * 1024;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SIZES.map(case).into_iter()
}

fn case(len: usize) -> Case {
    let copied = {
        let (source, mut target) = (
            Slots::new(&sample::bytes(len)),
            Slots::new(&sample::bytes(len)),
        );
        let (mut at, mut to) = (source.start(), target.start());
        move |n| {
            for _ in 0..n {
                let source = &source.bytes[source.next(&mut at)..][..black_box(len)];
                let to = target.next(&mut to);
                target.bytes[to..to + source.len()].copy_from_slice(source);
            }
        }
    };
    let sockudo = |data: &mut [u8]| sockudo_ws::simd::apply_mask(data, KEY);
    let fast = |data: &mut [u8]| {
        use fastwebsockets::{Frame, OpCode, Payload};
        let payload = Payload::BorrowedMut(data);
        Frame::new(true, OpCode::Binary, Some(KEY), payload).unmask();
    };
    let runs = vec![
        Run::new("memcpy", copied),
        in_place("wskit", len, |data| {
            wskit_frame::Mask::new(black_box(KEY)).apply(data)
        }),
        in_place("sockudo-ws", len, sockudo),
        in_place("yawc", len, |data| yawc::mask::apply_mask(data, KEY)),
        in_place("fastwebsockets", len, fast),
    ];
    Case::new(format!("mask {}", size_name(len)), runs)
}

fn in_place(who: &'static str, len: usize, mask: impl Fn(&mut [u8]) + 'static) -> Run {
    let mut slots = Slots::new(&sample::bytes(len));
    let mut at = slots.start();
    Run::new(who, move |n| {
        for _ in 0..n {
            let from = slots.next(&mut at);
            mask(&mut slots.bytes[from..from + black_box(len)]);
        }
    })
}

/// Returns the places of payloads, with room for a header before each.
pub(crate) struct Slots {
    pub(crate) bytes: Vec<u8>,
    header: usize,
    stride: usize,
}

impl Slots {
    pub(crate) fn new(payload: &[u8]) -> Self {
        let header = match payload.len() {
            0..=125 => 6,
            126..=0xffff => 8,
            _ => 14,
        };
        let mut frame = vec![0; header];
        frame.extend_from_slice(payload);
        let stride = frame.len();
        Self {
            bytes: frame.repeat((BUFFER / stride).max(1)),
            header,
            stride,
        }
    }

    pub(crate) fn start(&self) -> usize {
        self.header
    }

    #[inline]
    pub(crate) fn next(&self, at: &mut usize) -> usize {
        let now = *at;
        *at += self.stride;
        if *at >= self.bytes.len() {
            *at = self.header;
        }
        now
    }
}
