//! `Debug` of codecs and errors shows no bytes of messages.

mod support;

use support::{codec, window};
use wskit_deflate::{Config, DecompressError};

#[test]
fn codecs_show_no_bytes_of_messages() {
    let secret = b"a secret, a secret, a secret";
    for dedicated in [false, true] {
        let config = Config::server().dedicated(dedicated);
        let (mut compressor, mut decompressor) = codec(window(15, false), &config);
        let mut payload = [0; 100];
        let packed = compressor.compress(secret, true, &mut payload);
        let again = compressor.compress(secret, true, &mut payload[packed.produced..]);
        assert!(packed.done && again.done);
        // Half of the second message: both have incomplete state.
        assert!(compressor.compress(&secret[..9], false, &mut [0; 100]).done);
        let mut plain = [0; 100];
        decompressor
            .decompress(&payload[..packed.produced], true, &mut plain)
            .unwrap();
        decompressor
            .decompress(&payload[packed.produced..][..1], false, &mut plain)
            .unwrap();

        let shown = format!("{compressor:?} {decompressor:?}");
        for part in ["secret", "97, 32, 115", "a, 20, 73"] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(
            shown.contains("Deflater { level: 1, window_bits: 15, .. }"),
            "{shown}"
        );
        assert!(shown.contains("Inflater { fresh: false, .. }"), "{shown}");
    }
}

#[test]
fn errors_say_whose_fault_it_is() {
    for (error, code, says) in [
        (DecompressError::Corrupt, 1007, "the peer"),
        (DecompressError::Truncated, 1007, "the peer"),
        (DecompressError::BudgetSpent, 1013, "the budget"),
    ] {
        assert_eq!(error.close_code(), code);
        assert!(error.to_string().contains(says), "{error}");
    }
}
