//! How much a peer may send before the handshake is over.

/// Bounds on what one handshake reads; every one is finite by default.
///
/// ```
/// use wskit_handshake::HeadLimits;
/// let limits = HeadLimits::default().max_head_bytes(8 * 1024).max_headers(64);
/// assert_eq!(limits.max_body_bytes, 16 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Bytes of a whole head, from the first byte to the blank line. 32 KiB by
    /// default, 4 GiB at most. A request above it is answered with 431. One line
    /// may take all of it: a login can make cookies of 16 KiB.
    pub max_head_bytes: usize,
    /// Header lines, repeated names counted each time. 128 by default, 16,384
    /// at most. A request above it is answered with 431.
    pub max_headers: usize,
    /// Client only: bytes kept of the body of a refusal. 16 KiB by default; a
    /// longer body is cut and marked so.
    pub max_body_bytes: usize,
    /// Client only: 1xx answers before the final one. 8 by default.
    pub max_interim_responses: usize,
}

impl HeadLimits {
    /// Sets the bytes of a whole head.
    #[must_use]
    pub fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// Sets the number of header lines.
    #[must_use]
    pub fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }

    /// Sets the bytes kept of a refusal's body.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Sets the number of 1xx answers before the final one.
    #[must_use]
    pub fn max_interim_responses(mut self, responses: usize) -> Self {
        self.max_interim_responses = responses;
        self
    }

    /// A head is addressed with 32 bits.
    pub(crate) fn head_bytes(&self) -> usize {
        self.max_head_bytes.min(u32::MAX as usize)
    }

    /// What `http::HeaderMap` is sure to hold.
    pub(crate) fn headers(&self) -> usize {
        self.max_headers.min(16_384)
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            max_head_bytes: 32 * 1024,
            max_headers: 128,
            max_body_bytes: 16 * 1024,
            max_interim_responses: 8,
        }
    }
}
