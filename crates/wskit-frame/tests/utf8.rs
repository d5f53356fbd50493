//! UTF-8, RFC 6455 section 8.1, against the standard library.

use proptest::prelude::*;
use wskit_frame::{Utf8Check, is_utf8};

/// Returns whether more bytes could make `bytes` valid: the standard library
/// reports only such an error without a length.
fn can_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Pushes `pieces` and compares with the standard library after each.
fn check_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) {
    let (mut check, mut so_far) = (Utf8Check::new(), Vec::new());
    for piece in pieces {
        so_far.extend_from_slice(piece);
        let pushed = check.push(piece);
        assert_eq!(
            pushed.is_ok(),
            can_go_on(&so_far),
            "{so_far:02x?}, last {piece:02x?}"
        );
        if pushed.is_err() {
            return;
        }
        let whole = std::str::from_utf8(&so_far).is_ok();
        assert_eq!(check.is_boundary(), whole, "{so_far:02x?}");
        assert_eq!(check.finish().is_ok(), whole, "{so_far:02x?}");
    }
}

/// Every way to split `bytes` into pieces.
fn check_all_cuttings(bytes: &[u8]) {
    assert_eq!(
        is_utf8(bytes),
        std::str::from_utf8(bytes).is_ok(),
        "{bytes:02x?}"
    );
    for cuts in 0..1_usize << bytes.len().saturating_sub(1) {
        let mut start = 0;
        check_pieces(
            (1..=bytes.len())
                .filter(|end| *end == bytes.len() || cuts >> (end - 1) & 1 == 1)
                .map(|end| {
                    let piece = &bytes[start..end];
                    start = end;
                    piece
                }),
        );
    }
}

/// Bytes on both sides of every border in the table of well-formed sequences.
const BORDERS: [u8; 30] = [
    0x00, 0x41, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xbe, 0xbf, 0xc0, 0xc1, 0xc2,
    0xc3, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

/// Proves: R6455-8.1-a
#[test]
fn check_equals_std_on_all_sequences_of_up_to_two_bytes_and_all_cuttings() {
    check_all_cuttings(&[]);
    for first in 0..=u8::MAX {
        check_all_cuttings(&[first]);
        for second in 0..=u8::MAX {
            check_all_cuttings(&[first, second]);
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn check_equals_std_on_all_sequences_of_three_bytes() {
    for number in 0..1_u32 << 24 {
        let [_, bytes @ ..] = number.to_be_bytes();
        let (mut check, expected) = (Utf8Check::new(), std::str::from_utf8(&bytes));
        let go_on = expected.map_or_else(|error| error.error_len().is_none(), |_| true);
        assert_eq!(check.push(&bytes).is_ok(), go_on, "{bytes:02x?}");
        assert_eq!(is_utf8(&bytes), expected.is_ok(), "{bytes:02x?}");
        assert!(
            !go_on || check.is_boundary() == expected.is_ok(),
            "{bytes:02x?}"
        );
    }
}

/// Proves: R6455-8.1-a, R6455-5.6-a
#[test]
fn check_equals_std_on_border_bytes_and_all_cuttings() {
    for first in BORDERS {
        for second in BORDERS {
            for third in BORDERS {
                check_all_cuttings(&[first, second, third]);
                if second >= 0x80 && third >= 0x80 {
                    for fourth in BORDERS {
                        check_all_cuttings(&[first, second, third, fourth]);
                    }
                }
            }
        }
    }
}

/// Proves: R6455-5.6-a
#[test]
fn check_takes_every_character_cut_anywhere() {
    for char in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let bytes = char.encode_utf8(&mut bytes).as_bytes();
        for cut in 0..=bytes.len() {
            let (start, end) = bytes.split_at(cut);
            let mut check = Utf8Check::new();
            assert!(
                check.push(start).is_ok() && check.push(end).is_ok(),
                "{bytes:02x?} at {cut}"
            );
            assert!(check.finish().is_ok());
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn check_fails_on_the_first_impossible_byte() {
    // Overlong, surrogate, above U+10FFFF, invalid first byte, incomplete: with the byte that shows
    // it.
    let cases: [(&[u8], usize); 8] = [
        (&[0xc0, 0x80], 0),
        (&[0xe0, 0x9f, 0xbf], 1),
        (&[0xf0, 0x8f, 0xbf, 0xbf], 1),
        (&[0xed, 0xa0, 0x80], 1),
        (&[0xf4, 0x90, 0x80, 0x80], 1),
        (&[0xf5, 0x80], 0),
        (&[0x80], 0),
        (&[0xe8, 0xaa, 0x41], 2),
    ];
    // After texts of lengths that take each of the code paths.
    for before in ["", "a", "é", "日本語", &"a".repeat(130), &"語".repeat(100)] {
        for (bytes, shown) in cases {
            let text = [before.as_bytes(), bytes].concat();
            let shown = before.len() + shown;
            assert!(Utf8Check::new().push(&text[..shown]).is_ok(), "{text:02x?}");
            assert!(
                Utf8Check::new().push(&text[..=shown]).is_err(),
                "{text:02x?}"
            );
            let mut check = Utf8Check::new();
            assert!(check.push(&text[..shown]).is_ok());
            assert!(check.push(&text[shown..=shown]).is_err(), "{text:02x?}");
            assert!(
                check.push(b"a").is_err() && check.push(&[0x80]).is_err(),
                "for good"
            );
            assert!(check.finish().is_err());
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn check_refuses_an_end_inside_a_character() {
    for text in ["é", "語", "𝄞"] {
        for end in 1..text.len() {
            let mut check = Utf8Check::new();
            assert!(check.push(&text.as_bytes()[..end]).is_ok());
            assert!(!check.is_boundary());
            assert!(check.finish().is_err());
        }
    }
}

#[test]
fn check_is_small() {
    assert!(size_of::<Utf8Check>() <= 8);
}

/// One invalid byte at each position of texts with lengths around the limits of the code paths.
///
/// Proves: R6455-8.1-a
#[test]
fn whole_text_equals_std_with_a_bad_byte_anywhere() {
    for len in 0..=200 {
        let mut bytes = vec![b'a'; len];
        assert!(is_utf8(&bytes));
        for at in 0..len {
            for bad in [0x80, 0xc3, 0xff] {
                bytes[at] = bad;
                assert!(!is_utf8(&bytes), "byte {at} of {len}");
                assert_eq!(Utf8Check::new().push(&bytes).is_ok(), can_go_on(&bytes));
            }
            bytes[at] = b'a';
        }
    }
}

proptest! {
    /// Proves: R6455-5.6-a, R6455-8.1-a
    #[test]
    fn check_equals_std_on_text_with_faults_in_any_pieces(
        text in "\\PC{0,200}",
        fault in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        sizes in prop::collection::vec(0_usize..90, 1..20),
    ) {
        let mut bytes = text.into_bytes();
        if let (Some((at, fault)), false) = (fault, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = fault;
        }
        let mut rest = &bytes[..];
        let pieces = sizes.into_iter().chain([usize::MAX]).map(|size| {
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            rest = tail;
            piece
        });
        check_pieces(pieces);
        prop_assert_eq!(is_utf8(&bytes), std::str::from_utf8(&bytes).is_ok());
    }
}
