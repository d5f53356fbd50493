//! Header lines, as they are written.

use http::header::{HeaderName, HeaderValue};

/// Writes a line with the first letter of each word of its name in capitals.
///
/// Names ignore case (RFC 9110 §5.1), and the `http` crate has them in lower
/// case only. Some servers and clients look for the usual spelling all the same.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let mut words = name.as_str().split('-');
    write_word(out, words.next().unwrap_or_default());
    for word in words {
        out.push(b'-');
        write_word(out, word);
    }
    write_value(out, value);
}

/// Writes a line with its name as it is.
pub(crate) fn write_plain_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    write_value(out, value);
}

fn write_value(out: &mut Vec<u8>, value: &HeaderValue) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_word(out: &mut Vec<u8>, word: &str) {
    let mut spellings = SPELLINGS.iter();
    if let Some(usual) = spellings.find(|usual| usual.eq_ignore_ascii_case(word)) {
        out.extend_from_slice(usual.as_bytes());
    } else if let Some((first, rest)) = word.as_bytes().split_first() {
        out.push(first.to_ascii_uppercase());
        out.extend_from_slice(rest);
    }
}

/// Words that have more than one capital.
const SPELLINGS: [&str; 5] = ["WebSocket", "WWW", "ETag", "TE", "DNT"];
