//! The last bytes of uncompressed text in one direction.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions below the size of a window, at most 32 KiB"
)]

use std::fmt;

/// The last `max` bytes pushed. Memory grows with the content.
pub(crate) struct History {
    /// Grows up to `max` bytes. Then it is a ring that begins at `start`.
    bytes: Vec<u8>,
    start: u16,
    max: u32,
}

impl History {
    /// Creates a history of at most 32 KiB. Allocates nothing yet.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            max: max.min(1 << 15) as u32,
        }
    }

    /// Returns its maximum length.
    pub(crate) fn max(&self) -> usize {
        self.max as usize
    }

    pub(crate) fn push(&mut self, plain: &[u8]) {
        let max = self.max as usize;
        // Only the tail fits.
        let plain = plain
            .get(plain.len().saturating_sub(max)..)
            .unwrap_or_default();
        let (filling, replacing) = plain.split_at(plain.len().min(max - self.bytes.len()));
        if !filling.is_empty() {
            self.grow(filling.len());
            self.bytes.extend_from_slice(filling);
        }
        if replacing.is_empty() {
            return;
        }
        let at = usize::from(self.start);
        let (until_end, from_start) = replacing.split_at(replacing.len().min(max - at));
        copy(&mut self.bytes, at, until_end);
        copy(&mut self.bytes, 0, from_start);
        // At most 32 KiB - 1, as it is below `max`.
        self.start = ((at + replacing.len()) % max) as u16;
    }

    /// Returns the bytes in order, in two parts.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        let (second, first) = self
            .bytes
            .split_at_checked(self.start.into())
            .unwrap_or_default();
        (first, second)
    }

    /// Returns the bytes allocated.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Doubles the memory, from half a KiB, so that a connection with little
    /// text stays small.
    fn grow(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let target = needed.next_power_of_two().max(512).min(self.max as usize);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }
}

/// Does not show the text, which is private.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("len", &self.bytes.len())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

fn copy(to: &mut [u8], at: usize, from: &[u8]) {
    if let Some(to) = to.get_mut(at..at + from.len()) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn history_keeps_the_last_bytes_however_they_come() {
        for max in [1, 2, 3, 7, 64, 1000] {
            for step in [1, 2, 3, 5, 63, 64, 65, 999, 1000, 1001, 2500] {
                let all: Vec<u8> = (0..6000u32).map(|n| (n * 7 + n / 256) as u8).collect();
                let mut history = History::new(max);
                let mut pushed = 0;
                for chunk in all.chunks(step) {
                    history.push(chunk);
                    pushed += chunk.len();
                    let (first, second) = history.parts();
                    let kept = [first, second].concat();
                    assert_eq!(
                        kept,
                        all[pushed.saturating_sub(max)..pushed],
                        "max {max} step {step}"
                    );
                    assert!(history.buffer_bytes() <= max);
                }
            }
        }
    }

    #[test]
    fn history_of_nothing_allocates_nothing() {
        let mut history = History::new(0);
        history.push(b"Hello");
        assert_eq!(
            (history.parts(), history.buffer_bytes()),
            ((&[][..], &[][..]), 0)
        );
    }
}
