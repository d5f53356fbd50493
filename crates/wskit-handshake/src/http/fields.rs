//! The headers that a handshake looks at.
#![allow(clippy::arithmetic_side_effects, reason = "counts lines of one head")]

use std::borrow::Cow;

use httparse::Header;

use crate::error::HandshakeError;
use crate::http::token::trim_blanks;

/// The header lines of one name: how many there are, and the first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    lines: usize,
    first: &'a [u8],
}

impl<'a> Field<'a> {
    #[inline]
    pub(crate) fn push(&mut self, value: &'a [u8]) {
        if self.lines == 0 {
            self.first = trim_blanks(value);
        }
        self.lines += 1;
    }

    #[inline]
    pub(crate) fn is_present(&self) -> bool {
        self.lines > 0
    }

    /// The value of a header that stands at most once (RFC 6455 §11.3).
    #[inline]
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&'a [u8]>, HandshakeError> {
        match self.lines {
            0 => Ok(None),
            1 => Ok(Some(self.first)),
            _ => Err(HandshakeError::DuplicateHeader(name)),
        }
    }

    /// All lines as one list, joined by commas if there are several (RFC 9110
    /// §5.3); empty when there is none. `headers` are those that were counted.
    pub(crate) fn list(&self, name: &str, headers: &[Header<'a>]) -> Cow<'a, [u8]> {
        if self.lines <= 1 {
            return Cow::Borrowed(self.first);
        }
        let mut joined = Vec::new();
        for header in headers {
            if header.name.eq_ignore_ascii_case(name) {
                if !joined.is_empty() {
                    joined.push(b',');
                }
                joined.extend_from_slice(trim_blanks(header.value));
            }
        }
        Cow::Owned(joined)
    }

    /// The line, when there is exactly one.
    #[inline]
    pub(crate) fn only(&self) -> Option<&'a [u8]> {
        (self.lines == 1).then_some(self.first)
    }
}
