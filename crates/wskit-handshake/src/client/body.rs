//! The body of a refusal, kept up to a limit (RFC 9112 §6 and §7.1).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "what is taken is at most what is left, and 15 hexadecimal digits fit a u64"
)]

use httparse::Header;

use crate::http::fields::Fields;

/// Collects a body until it ends or the limit is reached.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
    kept: Vec<u8>,
    limit: usize,
    /// How many more bytes chunk sizes, extensions and trailers may take.
    overhead: usize,
}

#[derive(Debug)]
enum Framing {
    /// The number of bytes still to come.
    Length(u64),
    Chunked(Chunk),
    UntilEof,
    /// The body is longer than the limit, or its chunks are malformed.
    Cut,
}

/// The position of the next byte in a chunked body.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    Data { left: u64 },
    DataEnd,
    Trailer { blank: bool },
    Done,
}

impl Body {
    /// Determines the length of the body from its headers. A body with
    /// ambiguous framing is read until the end of the stream, as the connection
    /// will not be reused.
    pub(crate) fn new(status: u16, headers: &[Header<'_>], limit: usize) -> Self {
        let fields = Fields::collect(headers);
        let (length, encoding) = (fields.content_length, fields.transfer_encoding);
        let framing = if matches!(status, 204 | 304) {
            Framing::Length(0)
        } else if encoding.is_present() {
            match encoding.only() {
                Some(only) if only.eq_ignore_ascii_case(b"chunked") => {
                    Framing::Chunked(Chunk::START)
                }
                _ => Framing::UntilEof,
            }
        } else {
            let digits = length
                .only()
                .filter(|text| text.iter().all(u8::is_ascii_digit));
            digits
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
                .map_or(Framing::UntilEof, Framing::Length)
        };
        Self {
            framing,
            kept: Vec::new(),
            limit,
            overhead: limit.saturating_add(1024),
        }
    }

    /// Takes received bytes. Returns whether the body needs no more of them.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && !self.is_over() {
            match self.framing {
                Framing::Length(left) => {
                    let taken = self.keep(bytes, left);
                    bytes = bytes.get(taken..).unwrap_or_default();
                    if !matches!(self.framing, Framing::Cut) {
                        self.framing = Framing::Length(left - taken as u64);
                    }
                }
                Framing::UntilEof => {
                    let taken = self.keep(bytes, u64::MAX);
                    bytes = bytes.get(taken..).unwrap_or_default();
                }
                Framing::Chunked(Chunk::Data { left }) => {
                    let taken = self.keep(bytes, left);
                    bytes = bytes.get(taken..).unwrap_or_default();
                    if !matches!(self.framing, Framing::Cut) {
                        self.framing = Framing::Chunked(match left - taken as u64 {
                            0 => Chunk::DataEnd,
                            left => Chunk::Data { left },
                        });
                    }
                }
                Framing::Chunked(chunk) => {
                    let (Some((&byte, rest)), Some(overhead)) =
                        (bytes.split_first(), self.overhead.checked_sub(1))
                    else {
                        self.framing = Framing::Cut;
                        break;
                    };
                    bytes = rest;
                    self.overhead = overhead;
                    self.framing = chunk.next(byte).map_or(Framing::Cut, Framing::Chunked);
                }
                Framing::Cut => break,
            }
        }
        self.is_over()
    }

    /// Returns whether the body needs no more bytes.
    pub(crate) fn is_over(&self) -> bool {
        match self.framing {
            Framing::Length(left) => left == 0 || self.kept.len() >= self.limit,
            Framing::Chunked(chunk) => matches!(chunk, Chunk::Done),
            Framing::UntilEof => false,
            Framing::Cut => true,
        }
    }

    /// Returns the bytes kept and whether they are the whole body. `eof` says
    /// that the stream has ended.
    pub(crate) fn finish(self, eof: bool) -> (Vec<u8>, bool) {
        let complete = match self.framing {
            Framing::Length(left) => left == 0,
            Framing::Chunked(chunk) => matches!(chunk, Chunk::Done),
            Framing::UntilEof => eof,
            Framing::Cut => false,
        };
        (self.kept, complete)
    }

    /// Keeps those of the next `left` bytes that fit, and returns their number.
    /// Marks the body as cut if some do not fit.
    fn keep(&mut self, bytes: &[u8], left: u64) -> usize {
        let belongs = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let fits = belongs.min(self.limit.saturating_sub(self.kept.len()));
        self.kept
            .extend_from_slice(bytes.get(..fits).unwrap_or_default());
        if fits < belongs {
            self.framing = Framing::Cut;
        }
        fits
    }
}

impl Chunk {
    const START: Self = Self::Size {
        value: 0,
        digits: 0,
    };

    /// Returns the position after `byte`, or `None` if the byte is not allowed
    /// here.
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size { value, digits }, byte) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Size {
                    value: value * 16 + u64::from(digit),
                    digits: digits + 1,
                }
            }
            (Self::Size { value, digits: 1.. }, b'\r' | b';' | b' ' | b'\t') => {
                Self::Extension { value }
            }
            (Self::Extension { value: 0 }, b'\n') => Self::Trailer { blank: true },
            (Self::Extension { value }, b'\n') => Self::Data { left: value },
            (Self::Extension { .. }, _) | (Self::DataEnd | Self::Trailer { .. }, b'\r') => self,
            (Self::DataEnd, b'\n') => Self::START,
            (Self::Trailer { blank: true }, b'\n') => Self::Done,
            (Self::Trailer { .. }, b'\n') => Self::Trailer { blank: true },
            (Self::Trailer { .. }, _) => Self::Trailer { blank: false },
            _ => return None,
        })
    }
}
