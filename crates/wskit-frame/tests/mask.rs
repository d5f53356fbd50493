//! Masking, RFC 6455 section 5.3: every fast path against the loop over bytes.

use proptest::prelude::*;
use wskit_frame::{Mask, Utf8Check};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x9d];

/// Miri, which detects reads and writes out of bounds, runs only some of the lengths.
const STEP: usize = if cfg!(miri) { 13 } else { 1 };

/// The rule as written: octet `i` with octet `i mod 4` of the key.
fn by_bytes(data: &mut [u8], key: [u8; 4], phase: usize) {
    for (at, byte) in data.iter_mut().enumerate() {
        *byte ^= key[(at + phase) % 4];
    }
}

fn at_phase(phase: usize) -> Mask {
    let mut mask = Mask::new(KEY);
    mask.apply(&mut [0; 4][..phase]);
    mask
}

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 256 * 7) as u8).collect()
}

/// Proves: R6455-5.3-e
#[test]
fn mask_equals_loop_over_bytes_at_all_lengths_alignments_and_phases() {
    #[repr(align(64))]
    struct Aligned([u8; 64 + 300 + 64]);
    let original = sample(64 + 300 + 64);
    let mut data = Aligned([0; 64 + 300 + 64]);
    let mut expected = original.clone();
    for len in (0..=300).step_by(STEP) {
        for align in (0..64).step_by(STEP) {
            for phase in 0..4 {
                expected.copy_from_slice(&original);
                by_bytes(&mut expected[align..align + len], KEY, phase);

                data.0.copy_from_slice(&original);
                let mut mask = at_phase(phase);
                mask.apply(&mut data.0[align..align + len]);
                assert_eq!(
                    data.0[..],
                    expected,
                    "in place: {len} bytes at {align}, phase {phase}"
                );
                assert_eq!(mask, at_phase((phase + len) % 4));

                data.0.copy_from_slice(&original);
                let mut mask = at_phase(phase);
                let ascii = mask.apply_ascii(&mut data.0[align..align + len]);
                assert_eq!(
                    data.0[..],
                    expected,
                    "ascii: {len} bytes at {align}, phase {phase}"
                );
                assert_eq!(ascii, expected[align..align + len].is_ascii());
                assert_eq!(mask, at_phase((phase + len) % 4));

                data.0.copy_from_slice(&original);
                let mut mask = at_phase(phase);
                mask.copy(
                    &original[align..align + len],
                    &mut data.0[align..align + len],
                );
                assert_eq!(
                    data.0[..],
                    expected,
                    "copy: {len} bytes at {align}, phase {phase}"
                );
                assert_eq!(mask, at_phase((phase + len) % 4));
            }
        }
    }
}

/// Proves: R6455-5.3-e
#[test]
fn mask_copies_between_all_alignments() {
    for len in [0, 1, 5, 15, 63, 64, 100, 127, 128, 129, 160, 300, 1000] {
        let src = sample(len + 32);
        for (from, to) in (0..32).flat_map(|from| (0..32).map(move |to| (from, to))) {
            let mut dst = vec![0xee; len + 64];
            Mask::new(KEY).copy(&src[from..from + len], &mut dst[to..to + len]);
            let mut expected = vec![0xee; len + 64];
            expected[to..to + len].copy_from_slice(&src[from..from + len]);
            by_bytes(&mut expected[to..to + len], KEY, 0);
            assert_eq!(dst, expected, "{len} bytes from {from} to {to}");
        }
    }
}

/// Proves: R6455-5.3-e
#[test]
fn mask_copies_as_much_as_the_shorter_has() {
    for (from, to) in [(10, 4), (4, 10), (300, 200), (200, 300), (0, 3), (3, 0)] {
        let (src, mut dst) = (sample(from), vec![0xee; to]);
        let mut mask = Mask::new(KEY);
        mask.copy(&src, &mut dst);
        let common = from.min(to);
        let mut expected = src[..common].to_vec();
        by_bytes(&mut expected, KEY, 0);
        expected.resize(to, 0xee);
        assert_eq!(dst, expected);
        assert_eq!(mask, at_phase(common % 4));
    }
}

/// Proves: R6455-5.3-e
#[test]
fn ascii_test_sees_the_one_byte_that_is_not() {
    for len in (0..=300).step_by(STEP) {
        let mut data = vec![b'a'; len];
        by_bytes(&mut data, KEY, 0);
        assert!(Mask::new(KEY).apply_ascii(&mut data));
        for at in (0..len).step_by(STEP) {
            let mut data = vec![b'a'; len];
            data[at] = 0x80;
            by_bytes(&mut data, KEY, 0);
            assert!(!Mask::new(KEY).apply_ascii(&mut data), "byte {at} of {len}");
            assert_eq!(data[at], 0x80);
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn text_is_unmasked_and_validated_across_pieces() {
    // Longer than the internal pieces, with a character on each border.
    for pad in 0..4 {
        let text = "x".repeat(pad) + &"語é𝄞a".repeat(4000);
        let mut data = text.clone().into_bytes();
        by_bytes(&mut data, KEY, 0);
        let (mut mask, mut utf8) = (Mask::new(KEY), Utf8Check::new());
        for piece in data.chunks_mut(12_345) {
            assert!(mask.apply_text(piece, &mut utf8).is_ok());
        }
        assert_eq!(data, text.as_bytes());
        assert!(utf8.finish().is_ok());
    }
    for (at, bad) in [(0, 0x80), (8191, 0xe4), (8192, 0xff), (19_999, 0xc0)] {
        let mut data = vec![b'a'; 20_000];
        data[at] = bad;
        by_bytes(&mut data, KEY, 0);
        assert!(
            Mask::new(KEY)
                .apply_text(&mut data, &mut Utf8Check::new())
                .is_err()
        );
    }
}

/// Proves: R6455-8.1-a
#[test]
fn ascii_text_does_not_complete_a_character_begun_before() {
    let (mut mask, mut utf8) = (Mask::new([0; 4]), Utf8Check::new());
    assert!(mask.apply_text(&mut [0xe8, 0xaa], &mut utf8).is_ok());
    assert!(mask.apply_text(&mut [], &mut utf8).is_ok());
    assert!(mask.apply_text(&mut [b'a'], &mut utf8).is_err());
}

proptest! {
    /// Proves: R6455-5.3-e
    #[test]
    fn mask_does_not_depend_on_the_pieces(
        key: [u8; 4],
        data in prop::collection::vec(any::<u8>(), 0..2000),
        cuts in prop::collection::vec(0_usize..400, 0..20),
        how in prop::collection::vec(0_u8..3, 20),
    ) {
        let mut expected = data.clone();
        by_bytes(&mut expected, key, 0);
        let mut masked = data.clone();
        let (mut mask, mut start) = (Mask::new(key), 0);
        for (cut, how) in cuts.into_iter().chain([2000]).zip(how.into_iter().cycle()) {
            let end = (start + cut).min(data.len());
            let piece = &mut masked[start..end];
            match how {
                0 => mask.apply(piece),
                1 => prop_assert_eq!(mask.apply_ascii(piece), piece.is_ascii()),
                _ => mask.copy(&data[start..end], piece),
            }
            start = end;
        }
        prop_assert_eq!(masked, expected);
    }
}
