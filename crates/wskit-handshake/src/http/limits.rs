//! Limits on the bytes before the end of a handshake.

/// Limits on what one handshake reads. Every default is finite.
///
/// ```
/// use wskit_handshake::HeadLimits;
/// let limits = HeadLimits::default().max_head_bytes(8 * 1024).max_headers(64);
/// assert_eq!(limits.get_max_headers(), 64);
/// assert_eq!(limits.get_max_body_bytes(), 16 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    head_bytes: usize,
    headers: usize,
    body_bytes: usize,
    interim_responses: usize,
}

impl HeadLimits {
    /// Sets the size of a whole head in bytes, from its first byte to the blank
    /// line. 32 KiB by default, 4 GiB at most. A longer request is answered with
    /// 431. One line may take all of it: a login can create cookies of 16 KiB.
    #[must_use]
    pub fn max_head_bytes(mut self, bytes: usize) -> Self {
        // Parts of a head are addressed with 32 bits.
        self.head_bytes = bytes.min(u32::MAX as usize);
        self
    }

    /// Sets the number of header lines; repeated names count each time. 128 by
    /// default, 16,384 at most. A request with more is answered with 431.
    #[must_use]
    pub fn max_headers(mut self, lines: usize) -> Self {
        // `http::HeaderMap` is sure to hold this many.
        self.headers = lines.min(16_384);
        self
    }

    /// Client only: sets how many bytes of a refusal's body are kept. 16 KiB by
    /// default; a longer body is cut and marked as incomplete.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Client only: sets the number of 1xx responses before the final one. 8 by
    /// default.
    #[must_use]
    pub fn max_interim_responses(mut self, responses: usize) -> Self {
        self.interim_responses = responses;
        self
    }

    /// Returns the size of a whole head in bytes.
    pub fn get_max_head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// Returns the number of header lines.
    pub fn get_max_headers(&self) -> usize {
        self.headers
    }

    /// Returns how many bytes of a refusal's body are kept.
    pub fn get_max_body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Returns the number of 1xx responses before the final one.
    pub fn get_max_interim_responses(&self) -> usize {
        self.interim_responses
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            headers: 128,
            body_bytes: 16 * 1024,
            interim_responses: 8,
        }
    }
}
