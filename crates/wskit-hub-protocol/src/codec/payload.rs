//! Payloads in JSON.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// How deep arrays and objects of a payload may be nested. Other clients have parsers that recurse.
const DEPTH: usize = 128;

/// Fields that carry a payload.
pub(crate) mod raw {
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::{is_too_deep, text};

    pub(crate) fn serialize<S: Serializer>(
        payload: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match serde_json::from_slice::<&RawValue>(payload) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&text(payload)),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if is_too_deep(&raw) {
            return Err(D::Error::custom("a payload is nested too deeply"));
        }
        let text: Box<str> = raw.into();
        Ok(Bytes::from(String::from(text)))
    }
}

fn is_too_deep(raw: &RawValue) -> bool {
    let (mut depth, mut is_string, mut is_escaped) = (0, false, false);
    for byte in raw.get().bytes() {
        match byte {
            _ if std::mem::take(&mut is_escaped) => {}
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => {
                depth += 1;
                if depth > DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !is_string => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Returns what JSON clients get of a payload that is not JSON.
fn text(payload: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(payload) {
        Ok(text) => text.into(),
        Err(_) => base64(payload).into(),
    }
}

/// Encodes in Base64 (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| {
            bits << 8 | usize::from(group.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            let digit = DIGITS.get(bits >> (18 - 6 * i) & 63).copied();
            let digit = digit.filter(|_| i <= group.len()).unwrap_or(b'=');
            text.push(char::from(digit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn brackets_in_strings_are_not_nested() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        for (text, is_deep) in [
            (deep(128), false),
            (deep(129), true),
            (format!("\"{}\"", "[".repeat(500)), false),
            (format!("[\"\\\"{}\"]", "[".repeat(500)), false),
        ] {
            let raw = RawValue::from_string(text).unwrap();
            assert_eq!(is_too_deep(&raw), is_deep, "{raw}");
        }
    }
}
