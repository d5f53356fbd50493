//! The fast path: reads a usual request that is complete, in one pass and
//! without a table of headers.
//!
//! It refuses nothing. A request that is unusual or invalid is left to
//! [`full`](crate::server::full), which reports errors. A request that passes
//! here passes there too, with the same result.
#![allow(clippy::arithmetic_side_effects, reason = "positions within one head")]

use crate::accept_key::is_key;
use crate::http::authority::is_host_and_port;
use crate::http::extensions::unquote;
use crate::http::fields::{Fields, is_name};
use crate::http::head::{MAX_NAME, Span};
use crate::http::limits::HeadLimits;
use crate::http::token::{ByteSet, is_token, is_token_list, list_names, trim_blanks};
use crate::server::request::{ListText, Parts};

/// A request that has passed every check of RFC 6455 §4.2.1 except that of its
/// origin.
pub(crate) struct FastRequest {
    /// The length of its head, including the blank line.
    pub(crate) length: usize,
    /// The positions of its parts.
    pub(crate) parts: Parts,
}

/// Reads the request at the start of `bytes`; more bytes may follow. If the
/// request is unusual or incomplete, the error is the number of bytes that were
/// examined.
pub(crate) fn read(bytes: &[u8], limits: &HeadLimits) -> Result<FastRequest, usize> {
    let mut lines = Lines { bytes, at: 0 };
    read_lines(&mut lines, limits).ok_or(lines.at)
}

fn read_lines(lines: &mut Lines<'_>, limits: &HeadLimits) -> Option<FastRequest> {
    // §4.2.1 item 1: GET, HTTP/1.1, a target, here in origin-form.
    let line = lines.next()?;
    let target = line.strip_prefix(b"GET ")?.strip_suffix(b" HTTP/1.1")?;
    if !target.starts_with(b"/") || target.len() > MAX_TARGET || !TARGET.holds_all(target) {
        return None;
    }
    let mut fields = Fields::default();
    for _ in 0..=limits.get_max_headers() {
        let line = lines.next()?;
        if line.is_empty() {
            let length = lines.at;
            let parts = check(&fields, target, lines.bytes.get(..length)?)?;
            return (length <= limits.get_max_head_bytes())
                .then_some(FastRequest { length, parts });
        }
        take(&mut fields, line)?;
    }
    None
}

/// The lines of a head.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the next line begins.
    at: usize,
}

impl<'a> Lines<'a> {
    /// Returns the next line without its CR LF. `None` if it contains another
    /// control character: a tab is allowed in a value, but practically never
    /// sent.
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let length = find(rest, controls)?;
        let (line, rest) = rest.split_at_checked(length)?;
        if !rest.starts_with(b"\r\n") {
            return None;
        }
        self.at += length + 2;
        Some(line)
    }
}

/// Takes a header line. `None` if the line is not a header, or is a repeated or
/// empty header of those that matter.
#[inline]
fn take<'a>(fields: &mut Fields<&'a [u8]>, line: &'a [u8]) -> Option<()> {
    let (name, value) = line.split_at_checked(find(line, colons)?)?;
    let Some(field) = fields.get_mut(name) else {
        return (name.len() < MAX_NAME && is_token(name)).then_some(());
    };
    let value = trim_blanks(value.get(1..)?);
    if value.is_empty() || !field.is_empty() {
        return None;
    }
    *field = value;
    Some(())
}

/// Checks the items of §4.2.1 from the second on.
#[inline]
fn check(fields: &Fields<&[u8]>, target: &[u8], head: &[u8]) -> Option<Parts> {
    let pass = is_host_and_port(fields.host)
        && names(fields.upgrade, b"websocket")
        && names(fields.connection, b"upgrade")
        && fields.version == b"13"
        && fields.content_length.is_empty()
        && fields.transfer_encoding.is_empty()
        && is_key(fields.key)
        && (fields.protocols.is_empty() || is_token_list(fields.protocols))
        && (fields.extensions.is_empty() || is_unquoted_list(fields.extensions));
    let list = |text: &[u8]| match text {
        [] => ListText::Absent,
        text => ListText::Here(Span::of(text, head)),
    };
    let target = Span::of(target, head);
    pass.then(|| Parts {
        target,
        resource: target,
        host: Span::of(fields.host, head),
        origin: (!fields.origin.is_empty()).then(|| Span::of(fields.origin, head)),
        key: Span::of(fields.key, head),
        protocols: list(fields.protocols),
        extensions: list(fields.extensions),
    })
}

/// Returns whether a list is valid (§9.1) and has no quotes.
fn is_unquoted_list(list: &[u8]) -> bool {
    // What browsers send.
    list == b"permessage-deflate; client_max_window_bits"
        || list == b"permessage-deflate"
        || matches!(unquote(list), Ok(None))
}

/// Returns whether a list contains `token`, usually as its only element.
#[inline]
fn names<const N: usize>(list: &[u8], token: &[u8; N]) -> bool {
    is_name(list, token) || list_names(list, token)
}

/// Returns the position of the first byte that `mark` marks. Handles sixteen
/// bytes at a time.
#[inline]
fn find(bytes: &[u8], mark: impl Fn(u64) -> u64) -> Option<usize> {
    let mut blocks = bytes.chunks_exact(16);
    let mut at = 0;
    for block in blocks.by_ref() {
        let [first, second] = words(block).map(&mark);
        if first | second != 0 {
            let (marked, before) = match first {
                0 => (second, at + 8),
                first => (first, at),
            };
            return Some(before + (marked.trailing_zeros() / 8) as usize);
        }
        at += 16;
    }
    let rest = blocks.remainder().iter();
    let mut rest = rest.map(|&byte| mark(u64::from(byte) | FILL));
    rest.position(|marked| marked != 0).map(|more| at + more)
}

#[inline]
fn words(block: &[u8]) -> [u64; 2] {
    match (block.first_chunk(), block.last_chunk()) {
        (Some(first), Some(second)) => [first, second].map(|word| u64::from_le_bytes(*word)),
        _ => [0; 2],
    }
}

/// Sets the top bit of every control character, including DEL. Bits after the
/// first one may be wrong.
#[inline]
fn controls(word: u64) -> u64 {
    let below_blank = word.wrapping_sub(each(b' '));
    let zero_where_del = word ^ each(0x7F);
    (below_blank | zero_where_del.wrapping_sub(each(1))) & !word & !LOW
}

/// Sets the top bit of every colon. Bits after the first one may be wrong.
#[inline]
fn colons(word: u64) -> u64 {
    let zero_where_colon = word ^ each(b':');
    zero_where_colon.wrapping_sub(each(1)) & !zero_where_colon & !LOW
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const LOW: u64 = each(0x7F);
/// Bytes that are never searched for, in all positions but the first.
const FILL: u64 = each(b'x') << 8;
/// Longer targets are left to the full parser.
const MAX_TARGET: usize = 4096;

/// The bytes of a path and query, including percent-encoding (RFC 3986).
static TARGET: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=:@/?%");
