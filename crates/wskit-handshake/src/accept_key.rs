//! The proof that a server understood the handshake.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::token::ByteSet;

/// Computes the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`
/// (RFC 6455 §4.2.2, step 5.4).
///
/// `key` is the text of the header, without blanks around it; it is not decoded
/// first. Any bytes are accepted. SHA-1 serves as a proof of understanding
/// here, not as a protection (§10.8); nothing else in this crate uses it.
///
/// ```
/// assert_eq!(&wskit_handshake::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
///            b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; 28];
    // 20 bytes always encode to 28 characters, so this cannot fail.
    let written = STANDARD.encode_slice(digest, &mut text);
    debug_assert_eq!(written.ok(), Some(28));
    text
}

/// Encodes a nonce as the value of `Sec-WebSocket-Key` (§4.1, item 7).
pub(crate) fn encode_key(nonce: [u8; 16]) -> [u8; 24] {
    let mut text = [0; 24];
    // 16 bytes always encode to 24 characters, so this cannot fail.
    let written = STANDARD.encode_slice(nonce, &mut text);
    debug_assert_eq!(written.ok(), Some(24));
    text
}

/// Whether `text` is the canonical base64 form of 16 bytes (§4.2.1, item 5):
/// 22 characters of the alphabet, of which the last carries two bits only, and
/// two signs of padding.
pub(crate) fn is_key(text: &[u8]) -> bool {
    let Some((digits, b"==")) = text.split_last_chunk::<2>() else {
        return false;
    };
    digits.len() == 22
        && matches!(digits.last(), Some(b'A' | b'Q' | b'g' | b'w'))
        && digits.iter().all(|&byte| BASE64.holds(byte))
}

static BASE64: ByteSet = ByteSet::alphanumeric_and(b"+/");

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
