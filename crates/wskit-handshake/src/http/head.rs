//! Collects a head up to its blank line. Each byte is examined once, and the
//! head is parsed once.
//!
//! A parser that starts over with every read takes quadratic time for a head
//! that arrives in small pieces (RUSTSEC-2023-0065).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within what was received, which the limits bound, and a counter of 64 bits"
)]

use std::mem::MaybeUninit;

use httparse::Header;

use crate::error::NotHttp;
use crate::error::{HandshakeError, HeadFault};
use crate::http::limits::HeadLimits;
use crate::http::token::is_token_byte;

/// The bytes of an incomplete head and the position of the search for its end.
#[derive(Debug)]
pub(crate) struct HeadBuffer {
    kind: Kind,
    bytes: Vec<u8>,
    /// Where the incomplete line begins.
    line_start: usize,
    /// The number of complete lines, including the first one.
    lines: usize,
    /// The number of examined bytes, for tests.
    work: u64,
}

/// Whether the head is a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// A complete head including its blank line, and its number of header lines.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) headers: usize,
}

/// A complete head, and the number of input bytes that belonged to it.
pub(crate) type Complete = Option<(Head, usize)>;

impl HeadBuffer {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            bytes: Vec::new(),
            line_start: 0,
            lines: 0,
            work: 0,
        }
    }

    /// Takes the bytes that belong to the head. Returns the complete head and
    /// how many bytes of `input` it took; the rest is left to the caller. After
    /// a complete head the buffer is ready for the next one.
    pub(crate) fn receive(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Complete, HandshakeError> {
        self.check_start(input)?;
        let room = limits.get_max_head_bytes().saturating_sub(self.bytes.len());
        let window = input.get(..room).unwrap_or(input);
        self.work += window.len() as u64;

        let end = self.find_end(window, limits)?;
        if let Some(end) = end {
            // The search stopped at `end`, apart from the rest of a word.
            self.work -= (window.len() - end) as u64;
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.extend_from_slice(window.get(..end).unwrap_or_default());
            let headers = self.lines.saturating_sub(1);
            self.work += 2 * bytes.len() as u64; // parsed once, picked over once
            self.line_start = 0;
            self.lines = 0;
            return Ok(Some((Head { bytes, headers }, end)));
        }
        if window.len() < input.len() {
            return Err(HandshakeError::HeadTooLong {
                limit: limits.get_max_head_bytes(),
            });
        }
        self.bytes.extend_from_slice(window);
        Ok(None)
    }

    /// Returns how many bytes of an incomplete head are held.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// Counts bytes that were examined elsewhere.
    pub(crate) fn add_work(&mut self, bytes: usize) {
        self.work += bytes as u64;
    }

    /// Finds the byte after the blank line, eight bytes at a time. It searches
    /// only for LF and leaves other invalid bytes to the parser.
    fn find_end(
        &mut self,
        window: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, HandshakeError> {
        let mut words = window.chunks_exact(8);
        let mut at = 0;
        for word in words.by_ref() {
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            let mut found = line_feeds(word);
            while found != 0 {
                let lf = at + (found.trailing_zeros() / 8) as usize;
                if self.end_line(window, lf, limits)? {
                    return Ok(Some(lf + 1));
                }
                found &= found - 1;
            }
            at += 8;
        }
        for (offset, &byte) in words.remainder().iter().enumerate() {
            if byte == b'\n' && self.end_line(window, at + offset, limits)? {
                return Ok(Some(at + offset + 1));
            }
        }
        Ok(None)
    }

    /// Counts the line whose LF is `window[lf]`. Returns whether it is the
    /// blank line.
    #[inline]
    fn end_line(
        &mut self,
        window: &[u8],
        lf: usize,
        limits: &HeadLimits,
    ) -> Result<bool, HandshakeError> {
        let end = self.bytes.len() + lf;
        let length = end - self.line_start;
        let before = match lf.checked_sub(1) {
            Some(before) => window.get(before),
            None => self.bytes.last(),
        };
        // RFC 9112 §2.2 allows a bare LF as a line end. Machines that differ on
        // this read different requests.
        if length == 0 || before != Some(&b'\r') {
            return Err(HandshakeError::Malformed(HeadFault::BareLf));
        }
        if length == 1 {
            // This is not the first line, which does not begin with CR.
            return Ok(true);
        }
        self.lines += 1;
        self.line_start = end + 1;
        if self.lines > limits.get_max_headers() + 1 {
            return Err(HandshakeError::TooManyHeaders {
                limit: limits.get_max_headers(),
            });
        }
        Ok(false)
    }

    /// Refuses a head at its first wrong byte: a peer that speaks another
    /// protocol may never send a blank line.
    fn check_start(&self, input: &[u8]) -> Result<(), HandshakeError> {
        let at = self.bytes.len();
        if let (0, Some(&first)) = (at, input.first()) {
            match first {
                b'\r' => return Err(HandshakeError::Malformed(HeadFault::LeadingBlankLine)),
                b'\n' => return Err(HandshakeError::Malformed(HeadFault::BareLf)),
                // The type of a TLS record (RFC 8446 §5.1).
                0x16 if self.kind == Kind::Request => {
                    return Err(HandshakeError::Malformed(HeadFault::Tls));
                }
                _ if self.kind == Kind::Request && !is_token_byte(first) => {
                    return Err(HandshakeError::Malformed(HeadFault::NotHttp));
                }
                _ => {}
            }
        }
        if self.kind == Kind::Request {
            return Ok(());
        }
        let expected = START.iter().enumerate().skip(at);
        match expected.zip(input).find(|((_, start), byte)| start != byte) {
            None => Ok(()),
            // Another version of HTTP.
            Some(((at, _), _)) if at >= NAME => Err(HandshakeError::HttpVersion),
            Some(_) => Err(HandshakeError::NotHttp(NotHttp::new(&self.bytes, input))),
        }
    }
}

impl Head {
    /// Runs `parse` with room for `headers` headers. A head of usual size uses
    /// the stack and costs no allocation.
    pub(crate) fn with_storage<'b, T>(
        headers: usize,
        parse: impl FnOnce(&mut [MaybeUninit<Header<'b>>]) -> T,
    ) -> T {
        if headers <= ON_STACK {
            parse(&mut [const { MaybeUninit::uninit() }; ON_STACK])
        } else {
            let mut storage = Vec::new();
            storage.resize_with(headers, MaybeUninit::uninit);
            parse(&mut storage)
        }
    }
}

/// A part of a head, stored as offsets so that the head can be moved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Returns the position of `part` in `head`. Empty if it is not a part of
    /// it.
    #[inline]
    pub(crate) fn of(part: &[u8], head: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
        let end = start.wrapping_add(part.len());
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) if end as usize <= head.len() => Self { start, end },
            _ => Self::default(),
        }
    }

    #[inline]
    pub(crate) fn get(self, head: &[u8]) -> &[u8] {
        head.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Converts an error of the parser.
pub(crate) fn parse_error(error: httparse::Error) -> HandshakeError {
    HandshakeError::Malformed(match error {
        httparse::Error::Version => return HandshakeError::HttpVersion,
        httparse::Error::HeaderName => HeadFault::HeaderName,
        httparse::Error::HeaderValue => HeadFault::HeaderValue,
        _ => HeadFault::StartLine,
    })
}

/// Sets the top bit of exactly those bytes that are LF.
#[inline]
fn line_feeds(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7F; 8]);
    let zero_where_lf = word ^ u64::from_ne_bytes([b'\n'; 8]);
    !(((zero_where_lf & LOW) + LOW) | zero_where_lf | LOW)
}

/// `http::HeaderName` takes only names shorter than this.
pub(crate) const MAX_NAME: usize = 65_535;

const ON_STACK: usize = 32;

/// The beginning of every HTTP/1 response.
const START: &[u8] = b"HTTP/1.";
/// The length of the beginning of any HTTP response.
const NAME: usize = "HTTP/".len();
