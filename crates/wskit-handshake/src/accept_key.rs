//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept`.

use sha1::block_api::compress;
use sha1::{Digest as _, Sha1};

use crate::http::token::ByteSet;

/// Computes the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`
/// (RFC 6455 §4.2.2, step 5.4).
///
/// `key` is the header value without surrounding blanks; it is not decoded. Any
/// bytes are accepted. SHA-1 proves here that the server understood the
/// handshake and protects nothing (§10.8). This crate uses it nowhere else.
///
/// ```
/// assert_eq!(&wskit_handshake::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
///            b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    match key.try_into() {
        Ok(key) => accept_of(key),
        Err(_) => {
            let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
            encode_digest(digest.into())
        }
    }
}

/// Computes the value of `Sec-WebSocket-Accept` for a key of the usual length.
pub(crate) fn accept_of(key: &[u8; 24]) -> [u8; 28] {
    encode_digest(digest_of_key(key))
}

/// Encodes a digest in base64. The length is known at compile time, which is
/// faster than [`base64`].
fn encode_digest(digest: [u8; 20]) -> [u8; 28] {
    let mut padded = [0; 21];
    if let Some(start) = padded.first_chunk_mut() {
        *start = digest;
    }
    let mut text = [0; 28];
    for (chars, bytes) in text.chunks_exact_mut(4).zip(padded.chunks_exact(3)) {
        encode_group(bytes, chars);
    }
    // The last group has only two bytes.
    if let Some(last) = text.last_mut() {
        *last = b'=';
    }
    text
}

/// Encodes a nonce as the value of `Sec-WebSocket-Key` (§4.1, item 7).
pub(crate) fn encode_key(nonce: [u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    for (to, from) in key.iter_mut().zip(base64(&nonce).bytes()) {
        *to = from;
    }
    key
}

/// Encodes bytes in base64 (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let (mut padded, mut chars) = ([0; 3], [0; 4]);
        for (to, from) in padded.iter_mut().zip(group) {
            *to = *from;
        }
        encode_group(&padded, &mut chars);
        for (nth, digit) in chars.into_iter().enumerate() {
            let is_padding = nth > group.len();
            text.push(if is_padding { '=' } else { digit.into() });
        }
    }
    text
}

/// Encodes three bytes as four digits.
#[inline(always)]
fn encode_group(bytes: &[u8], chars: &mut [u8]) {
    let bits = bytes
        .iter()
        .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
    for (char, shift) in chars.iter_mut().zip([18, 12, 6, 0]) {
        let digit = ALPHABET.get(bits >> shift & 63);
        *char = digit.copied().unwrap_or_default();
    }
}

/// Computes SHA-1 of a 24-byte key and the GUID. With padding they always fill
/// exactly two blocks (RFC 3174 §4), so no buffered hasher is needed: its
/// buffer would cost as much as the hashing.
fn digest_of_key(key: &[u8; 24]) -> [u8; 20] {
    let mut blocks = BLOCKS;
    if let Some(start) = blocks[0].first_chunk_mut() {
        *start = *key;
    }
    let mut state = [
        0x6745_2301,
        0xEFCD_AB89,
        0x98BA_DCFE,
        0x1032_5476,
        0xC3D2_E1F0,
    ];
    compress(&mut state, &blocks);
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Returns whether `text` has the form of 16 bytes in base64 (§4.2.1 item 5):
/// 22 characters of the alphabet and two padding characters. The unused bits of
/// the last character may be set, as in the RFC's own example: the key is not
/// decoded.
pub(crate) fn is_key(text: &[u8]) -> bool {
    let Some((digits, b"==")) = text.split_last_chunk::<2>() else {
        return false;
    };
    digits.len() == 22 && BASE64.holds_all(digits)
}

static BASE64: ByteSet = ByteSet::alphanumeric_and(b"+/");

/// RFC 4648 §4.
static ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The two blocks to hash: 24 bytes for the key, the GUID, the bit that ends
/// the message, and its length in bits.
#[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
const BLOCKS: [[u8; 64]; 2] = {
    let mut blocks = [[0; 64]; 2];
    let mut at = 0;
    while at < GUID.len() {
        blocks[0][24 + at] = GUID[at];
        at += 1;
    }
    blocks[0][24 + GUID.len()] = 0x80;
    let bits = (8 * (24 + GUID.len()) as u64).to_be_bytes();
    at = 0;
    while at < bits.len() {
        blocks[1][56 + at] = bits[at];
        at += 1;
    }
    blocks
};
