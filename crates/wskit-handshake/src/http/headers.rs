//! The header lines of a checked head.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the place after a byte that was found"
)]

use std::fmt;
use std::str;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::http::token::trim_blanks;

/// Iterator over the headers of an [`UpgradeRequest`](crate::UpgradeRequest):
/// `(name, value)`.
#[derive(Clone)]
pub struct Headers<'a> {
    /// The remaining lines of a head that the parser has accepted.
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Creates an iterator over the headers of a head that was checked or
    /// written by this crate.
    pub(crate) fn of_head(head: &'a [u8]) -> Self {
        let mut headers = Self { rest: head };
        headers.next_line(); // the request line or status line
        headers
    }

    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in self.clone() {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(value),
            ) {
                // The map can hold `HeadLimits::max_headers`.
                let _ = map.try_append(name, value);
            }
        }
        map
    }

    /// Splits off a line and returns it without its CR LF.
    fn next_line(&mut self) -> &'a [u8] {
        let rest = self.rest;
        let end = rest.iter().position(|&byte| byte == b'\n');
        let (line, rest) = end
            .and_then(|end| rest.split_at_checked(end + 1))
            .unwrap_or((rest, &[]));
        self.rest = rest;
        line.strip_suffix(b"\r\n").unwrap_or(line)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line();
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..).unwrap_or_default();
        Some((str::from_utf8(name).ok()?, trim_blanks(value)))
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers").finish_non_exhaustive()
    }
}
