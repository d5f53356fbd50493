//! Masking against the loop over bytes, and UTF-8 validation against the standard library, for any
//! alignment and any cuts.
//!
//! Input: how often the data are repeated, alignment, key (4), cuts (8), then the data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_frame::{InvalidUtf8, Mask, Utf8Check, is_utf8};
use wskit_fuzz::{Cuts, Input};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let repeat = usize::from(input.byte());
    let align = usize::from(input.byte() & 63);
    let key = input.array();
    let cuts = Cuts::new(&mut input);
    let data = input.rest();
    // Far enough for the vector loops and the pieces in which text is masked.
    let data = &data.repeat(1 + repeat.min(MOST / data.len().max(1)))[..];

    let masked: Vec<u8> = data
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ key[at % 4])
        .collect();
    masks_as_the_loop(data, &masked, key, align, cuts);
    validates_as_std(data, cuts);
    unmasks_and_validates(data, &masked, key, align, cuts);
});

fn masks_as_the_loop(data: &[u8], masked: &[u8], key: [u8; 4], align: usize, cuts: Cuts) {
    let (mut whole, mut ascii, mut copied) = (
        Guarded::new(data, align),
        Guarded::new(data, align),
        vec![GUARD; align],
    );
    let (mut mask, mut mask_ascii, mut mask_copy) =
        (Mask::new(key), Mask::new(key), Mask::new(key));
    let mut at = 0;
    for (index, piece) in cuts.pieces(data).enumerate() {
        let range = at..at + piece.len();
        mask.apply(&mut whole.data()[range.clone()]);

        let out = &mut ascii.data()[range.clone()];
        let is_ascii = mask_ascii.apply_ascii(out);
        assert_eq!(
            is_ascii,
            masked[range.clone()].is_ascii(),
            "apply_ascii tells what it wrote"
        );

        // The shorter of the two counts, whichever it is.
        let mut out = vec![GUARD; piece.len() + index % 3];
        if index % 3 == 0 {
            let longer = data.get(at..at + piece.len() + 1).unwrap_or(piece);
            mask_copy.copy(longer, &mut out);
        } else {
            mask_copy.copy(piece, &mut out);
        }
        assert!(
            out[piece.len()..].iter().all(|byte| *byte == GUARD),
            "copy wrote beyond its source"
        );
        copied.extend_from_slice(&out[..piece.len()]);
        at += piece.len();
    }
    assert_eq!(at, data.len());
    assert_eq!(whole.checked(), masked);
    assert_eq!(ascii.checked(), masked);
    assert_eq!(copied[align..], *masked);
    assert_eq!(mask, mask_ascii);
    assert_eq!(mask, mask_copy);
}

fn validates_as_std(data: &[u8], cuts: Cuts) {
    assert_eq!(is_utf8(data), core::str::from_utf8(data).is_ok());
    let mut check = Utf8Check::new();
    let mut expected = StdCheck::default();
    for piece in cuts.pieces(data) {
        assert_eq!(is_utf8(piece), core::str::from_utf8(piece).is_ok());
        let pushed = check.push(piece);
        let at = expected.push(data, piece.len());
        // No byte, no mistake; every other piece after a mistake fails.
        if !piece.is_empty() {
            assert_eq!(pushed.is_err(), expected.failed, "after {at} bytes");
        }
        assert_eq!(
            check.finish().is_ok(),
            expected.is_text(),
            "after {at} bytes"
        );
        assert_eq!(check.is_boundary(), expected.is_text(), "after {at} bytes");
    }
}

fn unmasks_and_validates(data: &[u8], masked: &[u8], key: [u8; 4], align: usize, cuts: Cuts) {
    let mut text = Guarded::new(masked, align);
    let mut mask = Mask::new(key);
    let mut check = Utf8Check::new();
    let mut expected = StdCheck::default();
    for piece in cuts.pieces(masked) {
        let from = expected.at;
        let at = expected.push(data, piece.len());
        let result = mask.apply_text(&mut text.data()[from..at], &mut check);
        if expected.failed {
            assert_eq!(result, Err(InvalidUtf8), "after {at} bytes");
            text.checked();
            return;
        }
        assert_eq!(result, Ok(()), "after {at} bytes");
        assert_eq!(text.data()[from..at], data[from..at]);
    }
    assert_eq!(text.checked(), data);
    assert_eq!(check.finish().is_ok(), core::str::from_utf8(data).is_ok());
}

/// What the standard library says of the start of a text.
#[derive(Default)]
struct StdCheck {
    at: usize,
    valid: usize,
    failed: bool,
}

impl StdCheck {
    /// Goes on by `len` bytes of `data`; says where that is.
    fn push(&mut self, data: &[u8], len: usize) -> usize {
        self.at += len;
        match core::str::from_utf8(&data[self.valid..self.at]) {
            Ok(_) => self.valid = self.at,
            Err(error) => {
                self.valid += error.valid_up_to();
                // No continuation can make it a text.
                self.failed |= error.error_len().is_some();
            }
        }
        self.at
    }

    fn is_text(&self) -> bool {
        self.valid == self.at
    }
}

/// Data at a chosen alignment, with bytes around that must not change.
struct Guarded {
    bytes: Vec<u8>,
    from: usize,
}

impl Guarded {
    fn new(data: &[u8], align: usize) -> Self {
        let mut bytes = vec![GUARD; data.len() + 64 + align + 64];
        let from = bytes.as_ptr().align_offset(64) % 64 + align;
        bytes[from..from + data.len()].copy_from_slice(data);
        bytes.truncate(from + data.len());
        bytes.extend_from_slice(&[GUARD; 32]);
        Self { bytes, from }
    }

    fn data(&mut self) -> &mut [u8] {
        let to = self.bytes.len() - 32;
        &mut self.bytes[self.from..to]
    }

    fn checked(&self) -> &[u8] {
        let (before, rest) = self.bytes.split_at(self.from);
        let (data, after) = rest.split_at(rest.len() - 32);
        assert!(
            before.iter().chain(after).all(|byte| *byte == GUARD),
            "written out of bounds"
        );
        data
    }
}

const GUARD: u8 = 0x5c;
const MOST: usize = 20 << 10;
