//! RFC 6455 §4.2.2: the accept key, compared with a slow and simple
//! implementation.

use proptest::prelude::*;
use wskit_handshake::accept_key;

/// FIPS 180-4 §6.1, literally.
#[allow(clippy::many_single_char_names, reason = "the names of the standard")]
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((8 * message.len() as u64).to_be_bytes());
    let mut hash = [
        0x6745_2301_u32,
        0xEFCD_AB89,
        0x98BA_DCFE,
        0x1032_5476,
        0xC3D2_E1F0,
    ];
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        for t in 16..80 {
            w.push((w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (t, word) in w.iter().enumerate() {
            let (f, k) = match t / 20 {
                0 => ((b & c) ^ (!b & d), 0x5A82_7999),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) ^ (b & d) ^ (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
            };
            let sum = [f, e, k, *word]
                .into_iter()
                .fold(a.rotate_left(5), u32::wrapping_add);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (part, add) in hash.iter_mut().zip([a, b, c, d, e]) {
            *part = part.wrapping_add(add);
        }
    }
    let mut digest = [0; 20];
    for (out, word) in digest.chunks_mut(4).zip(hash) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// RFC 4648 §4, bit by bit.
fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain("+/".chars())
        .collect();
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1))
        .collect();
    let digit = |six: &[u8]| {
        alphabet[(0..6).fold(0, |sum, n| sum * 2 + usize::from(*six.get(n).unwrap_or(&0)))]
    };
    let mut text: String = bits.chunks(6).map(digit).collect();
    while text.len() % 4 != 0 {
        text.push('=');
    }
    text
}

fn reference(key: &[u8]) -> String {
    base64(&sha1(
        &[key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat(),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Proves: R6455-4.2.2-m
    #[test]
    fn accept_key_agrees_with_the_reference(nonce: [u8; 16], other in prop::collection::vec(any::<u8>(), 0..200)) {
        for key in [base64(&nonce).as_bytes(), &other] {
            prop_assert_eq!(accept_key(key).map(char::from).iter().collect::<String>(), reference(key));
        }
    }
}
