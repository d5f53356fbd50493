use std::fmt;
use std::time::Duration;

/// A peer that never stops sending: the same bytes again and again, so that no read waits.
///
/// Each read takes some virtual time. After a limit the flood panics: a connection that still reads
/// then has missed every deadline.
pub struct Flood {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
    takes: Duration,
    left: Duration,
    advance: fn(Duration),
}

impl Flood {
    /// Creates a flood of `bytes` repeated, at most `most` per read. Each read lasts `takes`, by which
    /// `advance` advances the clock. The flood panics after `longest`.
    #[must_use]
    pub fn new(
        bytes: Vec<u8>,
        most: usize,
        takes: Duration,
        longest: Duration,
        advance: fn(Duration),
    ) -> Self {
        assert!(!bytes.is_empty() && most > 0, "a flood of nothing");
        Self {
            bytes,
            at: 0,
            most,
            takes,
            left: longest,
            advance,
        }
    }

    /// Fills the buffer of a read. The returned closure advances the clock.
    pub(crate) fn fill(&mut self, buf: &mut [u8]) -> (usize, impl FnOnce() + use<>) {
        self.left = self.left.saturating_sub(self.takes);
        assert!(
            !self.left.is_zero(),
            "the peer does not stop, and the connection still reads: {self:?}"
        );
        let n = buf.len().min(self.most);
        let mut rest = &mut buf[..n];
        while !rest.is_empty() {
            let from = &self.bytes[self.at..];
            let (now, later) = rest.split_at_mut(from.len().min(rest.len()));
            now.copy_from_slice(&from[..now.len()]);
            self.at = (self.at + now.len()) % self.bytes.len();
            rest = later;
        }
        let (advance, takes) = (self.advance, self.takes);
        (n, move || advance(takes))
    }
}

impl fmt::Debug for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flood")
            .field("most", &self.most)
            .field("takes", &self.takes)
            .finish_non_exhaustive()
    }
}
