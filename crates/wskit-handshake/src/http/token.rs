//! Tokens and comma-separated lists (RFC 9110 §5.6).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts within one list, and a table made at compile time"
)]

use std::str;

/// Returns whether `text` is a token: one or more visible ASCII characters
/// without separators. Subprotocols, extensions and their parameters are tokens
/// (RFC 6455 §4.1 item 10 and §9.1).
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && TOKEN.holds_all(text)
}

/// Iterator over the subprotocols that a client offers, in order of preference.
/// Created by [`UpgradeRequest::offered_protocols`](crate::UpgradeRequest::offered_protocols).
#[derive(Debug, Clone)]
pub struct Protocols<'a> {
    /// A list that [`is_token_list`] has accepted.
    rest: &'a [u8],
}

impl<'a> Protocols<'a> {
    pub(crate) fn new(list: &'a [u8]) -> Self {
        Self { rest: list }
    }
}

impl<'a> Iterator for Protocols<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        while !self.rest.is_empty() {
            let element = next_element(&mut self.rest);
            if !element.is_empty() {
                return str::from_utf8(element).ok();
            }
        }
        None
    }
}

/// Returns whether `list` is `1#token`: empty elements are skipped, but at
/// least one token must remain (RFC 6455 §4.3, the `#rule` of HTTP).
pub(crate) fn is_token_list(mut list: &[u8]) -> bool {
    let mut tokens = 0;
    while !list.is_empty() {
        let element = next_element(&mut list);
        if element.is_empty() {
            continue;
        }
        if !is_token(element) {
            return false;
        }
        tokens += 1;
    }
    tokens > 0
}

/// Returns whether the list contains `token`, ignoring ASCII case.
pub(crate) fn list_names(mut list: &[u8], token: &[u8]) -> bool {
    while !list.is_empty() {
        if next_element(&mut list).eq_ignore_ascii_case(token) {
            return true;
        }
    }
    false
}

/// Splits off the first element of a list and trims its blanks.
#[inline]
fn next_element<'a>(list: &mut &'a [u8]) -> &'a [u8] {
    let end = list.iter().position(|&byte| byte == b',');
    let (element, rest) = match end.and_then(|end| list.split_at_checked(end)) {
        Some((element, rest)) => (element, rest.get(1..).unwrap_or_default()),
        None => (*list, <&[u8]>::default()),
    };
    *list = rest;
    trim_blanks(element)
}

/// Removes spaces and tabs, and nothing else, from both ends.
#[inline]
pub(crate) fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.holds(byte)
}

/// A set of bytes as a table.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// Creates the set of ASCII letters, digits and the bytes of `others`.
    pub(crate) const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            #[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
            {
                set[byte] = (byte as u8).is_ascii_alphanumeric();
            }
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            #[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
            {
                set[others[at] as usize] = true;
            }
            at += 1;
        }
        Self(set)
    }

    /// Returns whether all `bytes` are in the set. It does not stop at the first that is not: that
    /// would cost more than it saves, as nearly all inputs pass.
    #[inline]
    pub(crate) fn holds_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().fold(true, |all, &byte| all & self.holds(byte))
    }

    #[inline]
    pub(crate) fn holds(&self, byte: u8) -> bool {
        #[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
        self.0[usize::from(byte)]
    }
}

/// RFC 9110 §5.6.2, `tchar`. The set of RFC 2616, which RFC 6455 refers to, is
/// the same.
static TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");
