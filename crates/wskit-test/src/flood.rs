use std::fmt;
use std::time::Duration;

/// A peer that never stops: the same bytes again and again, so that no read comes back empty.
///
/// Each read takes a little virtual time, and after so much of it the flood panics: whoever still
/// reads then has missed every deadline.
pub struct Flood {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
    takes: Duration,
    left: Duration,
    advance: fn(Duration),
}

impl Flood {
    /// These bytes over and over, at most `most` in a read, each of which takes `takes` on the clock that
    /// `advance` moves on. Ends in a panic after `longest`.
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

    /// Answers a read; what it returns lets the time pass.
    pub(crate) fn fill(&mut self, buf: &mut [u8]) -> (usize, impl FnOnce() + use<>) {
        self.left = self.left.saturating_sub(self.takes);
        assert!(
            !self.left.is_zero(),
            "the peer does not stop, and it is still listened to: {self:?}"
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
