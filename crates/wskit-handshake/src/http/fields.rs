//! The headers that a handshake looks at.
#![allow(clippy::arithmetic_side_effects, reason = "counts lines of one head")]

use std::borrow::Cow;

use httparse::Header;

use crate::error::HandshakeError;
use crate::http::token::trim_blanks;

/// What is known of each header that a handshake looks at: a [`Field`] for a
/// parsed head, or the value alone on the fast path.
#[derive(Default)]
pub(crate) struct Fields<F> {
    pub(crate) host: F,
    pub(crate) origin: F,
    pub(crate) upgrade: F,
    pub(crate) connection: F,
    pub(crate) content_length: F,
    pub(crate) transfer_encoding: F,
    pub(crate) key: F,
    pub(crate) version: F,
    pub(crate) accept: F,
    pub(crate) protocols: F,
    pub(crate) extensions: F,
}

impl<F> Fields<F> {
    /// Returns the field of the header `name`, which holds no control
    /// characters. `None` for every other header.
    #[inline]
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut F> {
        // The length excludes most names, so that headers of no interest cost
        // one comparison.
        Some(match name.len() {
            4 if is_name(name, b"host") => &mut self.host,
            6 if is_name(name, b"origin") => &mut self.origin,
            7 if is_name(name, b"upgrade") => &mut self.upgrade,
            10 if is_name(name, b"connection") => &mut self.connection,
            14 if is_name(name, b"content-length") => &mut self.content_length,
            17 if is_name(name, b"sec-websocket-key") => &mut self.key,
            17 if is_name(name, b"transfer-encoding") => &mut self.transfer_encoding,
            20 if is_name(name, b"sec-websocket-accept") => &mut self.accept,
            21 if is_name(name, b"sec-websocket-version") => &mut self.version,
            22 if is_name(name, b"sec-websocket-protocol") => &mut self.protocols,
            24 if is_name(name, b"sec-websocket-extensions") => &mut self.extensions,
            _ => return None,
        })
    }
}

impl<'a> Fields<Field<'a>> {
    /// Collects the fields of a parsed head.
    pub(crate) fn collect(headers: &[Header<'a>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            if let Some(field) = fields.get_mut(header.name.as_bytes()) {
                field.push(header.value);
            }
        }
        fields
    }
}

/// Returns whether `name` is `lower`, ignoring ASCII case. `lower` consists of
/// letters and `-`. `name` holds no control characters: CR would match `-`.
#[inline]
pub(crate) fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(name).is_ok_and(|name| {
        let bytes = name.iter().zip(lower);
        bytes.fold(0, |differ, (a, b)| differ | ((a | 0x20) ^ b)) == 0
    })
}

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
