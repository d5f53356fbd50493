//! Collects the headers that matter to a handshake.
#![allow(clippy::arithmetic_side_effects, reason = "counts lines of one head")]

use std::borrow::Cow;

use httparse::Header;

use crate::error::HandshakeError;
use crate::http::token::trim_blanks;

/// The headers that matter to a handshake. `F` is a [`Field`] for a parsed
/// head, or only the value on the fast path.
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
    /// Returns the field of the header `name`, or `None` for any other header.
    /// `name` must not contain control characters.
    #[inline]
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut F> {
        // Most headers are excluded by the length of their name alone.
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

/// The header lines with one name: their number and the first value.
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

    /// Returns the value of a header that is allowed at most once (RFC 6455
    /// §11.3).
    #[inline]
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&'a [u8]>, HandshakeError> {
        match self.lines {
            0 => Ok(None),
            1 => Ok(Some(self.first)),
            _ => Err(HandshakeError::DuplicateHeader(name)),
        }
    }

    /// Returns all lines as one list, joined by commas (RFC 9110 §5.3). Empty
    /// if there is none. `headers` are those that were counted.
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

    /// Returns the value if there is exactly one line.
    #[inline]
    pub(crate) fn only(&self) -> Option<&'a [u8]> {
        (self.lines == 1).then_some(self.first)
    }
}
