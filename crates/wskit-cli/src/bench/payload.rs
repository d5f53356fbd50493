//! What is sent.

use std::fmt::Write;
use std::str::FromStr;

use wskit::Outgoing;

use crate::units;

/// The sizes of messages: from the first to the second, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRange(pub(crate) usize, pub(crate) usize);

impl FromStr for SizeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let range = Self(units::size(from)?, units::size(to)?);
        if range.0 > range.1 {
            return Err("the first size is the larger one".into());
        }
        if range.1 > MOST {
            return Err(format!("at most {MOST} bytes"));
        }
        Ok(range)
    }
}

/// The largest message.
const MOST: usize = 256 << 20;

/// How many different messages there are, if their sizes differ.
const VARIANTS: usize = 64;

/// Messages, made once and sent in turn.
pub(crate) struct Payloads {
    messages: Vec<Vec<u8>>,
    binary: bool,
}

impl Payloads {
    /// Makes them: JSON as text, or random bytes.
    pub(crate) fn new(sizes: SizeRange, binary: bool) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let variants = if sizes.1 > (16 << 20) { 2 } else { VARIANTS };
        let span = (sizes.1 - sizes.0 + 1) as u64;
        let messages = (0..variants)
            .map(|_| {
                let size = sizes.0 + (random.next() % span) as usize;
                if binary {
                    std::iter::repeat_with(|| random.next() as u8)
                        .take(size)
                        .collect()
                } else {
                    json(size, &mut random)
                }
            })
            .collect();
        Self { messages, binary }
    }

    /// Returns the message with this number.
    pub(crate) fn message(&self, number: u64) -> Outgoing<'_> {
        let index = number as usize % self.messages.len();
        let message = self.messages.get(index).map_or(&[][..], Vec::as_slice);
        match std::str::from_utf8(message) {
            Ok(text) if !self.binary => text.into(),
            _ => message.into(),
        }
    }

    /// Returns the size of the largest message.
    pub(crate) fn largest(&self) -> usize {
        self.messages.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// Makes text like the messages of a feed, cut to this size.
fn json(size: usize, random: &mut Random) -> Vec<u8> {
    let mut text = String::with_capacity(size + 80);
    while text.len() < size {
        let (symbol, price) = (random.next() % 100, random.next() % 1_000_000);
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{{\"symbol\":\"S{symbol}\",\"price\":{}.{:02},\"side\":\"buy\"}},",
            price / 100,
            price % 100,
        );
    }
    text.truncate(size);
    text.into_bytes()
}

/// The generator xorshift64: the same messages in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_their_range() {
        let range: SizeRange = "16-4k".parse().unwrap();
        assert_eq!(range, SizeRange(16, 4096));
        for binary in [false, true] {
            let payloads = Payloads::new(range, binary);
            let sizes: Vec<_> = (0..64)
                .map(|number| payloads.message(number).len())
                .collect();
            assert!(
                sizes.iter().all(|size| (16..=4096).contains(size)),
                "{sizes:?}"
            );
            assert!(sizes.iter().any(|size| *size != sizes[0]));
        }
        assert_eq!(Payloads::new(SizeRange(32, 32), false).message(7).len(), 32);
        for text in ["", "2-1", "x", "1-2-3", "1G"] {
            assert!(text.parse::<SizeRange>().is_err(), "{text}");
        }
    }
}
