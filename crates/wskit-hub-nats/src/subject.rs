//! Topics as parts of subjects, and back.
//!
//! This file needs nothing else of the crate, so that a fuzz target can include it.

/// The bytes that stand for themselves.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_:@=/+~".contains(&byte)
}

/// The token of an empty text, as a token has at least one character.
const EMPTY: &str = "%";

/// Returns a text as one token of a subject: without dots, wildcards, spaces and control characters.
pub(crate) fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if text.is_empty() {
        return EMPTY.into();
    }
    let mut token = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if is_plain(byte) {
            token.push(char::from(byte));
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            token.push('%');
            token.push(char::from(digit(byte >> 4)));
            token.push(char::from(digit(byte & 15)));
        }
    }
    token
}

/// Returns the text of a token, or `None` if [`encode`] makes no such token.
pub(crate) fn decode(token: &str) -> Option<String> {
    if token == EMPTY {
        return Some(String::new());
    }
    let mut bytes = token.bytes();
    let mut text = Vec::with_capacity(token.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            text.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            text.push(byte);
        }
    }
    let text = String::from_utf8(text).ok()?;
    // There is one token for each text: small letters, signs and what need not be encoded make others.
    (encode(&text) == token).then_some(text)
}

/// Returns the partition of a token. It is what NATS's own `{{partition(n,1)}}` returns, so that a mapping in
/// the server's configuration can find it for programs that publish.
pub(crate) fn partition(token: &str, partitions: u32) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in token.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_topic_is_legible_and_one_token() {
        for (topic, token) in [
            ("chat:42", "chat:42"),
            ("a.b", "a%2Eb"),
            ("*", "%2A"),
            (">", "%3E"),
            ("a b", "a%20b"),
            ("50%", "50%25"),
            ("", "%"),
            ("gr\u{fc}n", "gr%C3%BCn"),
            ("$JS", "%24JS"),
        ] {
            assert_eq!(encode(topic), token);
            assert_eq!(decode(token).as_deref(), Some(topic));
        }
    }

    #[test]
    fn a_token_that_is_not_of_a_topic_is_none() {
        for token in [
            "%2", "%zz", "%+1", "%61", "%2e", "a.b", "*", " ", "%FF", "%%", "a%",
        ] {
            assert_eq!(decode(token), None, "{token}");
        }
    }

    #[test]
    fn the_partition_is_that_of_the_server() {
        // FNV-1a with 32 bits: "a" is e40c292c, "foobar" is bf9cf968.
        assert_eq!(partition("a", u32::MAX), 0xe40c_292c);
        assert_eq!(partition("foobar", 64), 0xbf9c_f968 % 64);
        assert_eq!(partition("a", 0), 0);
    }

    proptest! {
        #[test]
        fn every_topic_comes_back(topic in any::<String>()) {
            let token = encode(&topic);
            prop_assert!(!token.is_empty());
            prop_assert!(token.bytes().all(|byte| is_plain(byte) || byte == b'%'));
            prop_assert_eq!(decode(&token), Some(topic));
        }

        #[test]
        fn a_token_has_one_text(token in "[ -~]{0,12}") {
            if let Some(text) = decode(&token) {
                prop_assert_eq!(encode(&text), token);
            }
        }
    }
}
