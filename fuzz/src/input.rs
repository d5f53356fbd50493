/// A fuzzer's input, taken from the front. What is missing reads as zero, so every input is valid
/// and a short one means the plainest case.
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The whole input.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.slice(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// At most `len` bytes, fewer at the end.
    pub fn slice(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The next byte as a size: small ones exactly, then steps of 64 and of 1024 bytes up to 68 KiB.
    pub fn size(&mut self) -> usize {
        size(self.byte())
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.slice(usize::MAX)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Small numbers stand for themselves.
pub(crate) fn size(code: u8) -> usize {
    let code = usize::from(code);
    match code {
        0..128 => code,
        128..192 => (code - 126) * 64,
        _ => (code - 187) * 1024,
    }
}
