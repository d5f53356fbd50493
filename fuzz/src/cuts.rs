use crate::input::{Input, size};

/// Where a stream of bytes is cut: eight sizes, used again and again.
///
/// Written as eight bytes in the input, so that a fuzzer moves one cut by changing one byte. Eight
/// zeros are no cut at all; a single zero is an empty piece.
#[derive(Clone, Copy, Debug)]
pub struct Cuts([u8; 8]);

impl Cuts {
    /// The next eight bytes.
    pub fn new(input: &mut Input<'_>) -> Self {
        Self(input.array())
    }

    /// The pieces, one after another, that together are `bytes`.
    pub fn pieces(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let whole = self.0 == [0; 8];
        let mut sizes = self.0.into_iter().cycle();
        let mut rest = bytes;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let most = if whole {
                usize::MAX
            } else {
                sizes.next().map_or(1, size)
            };
            let (piece, after) = rest.split_at(most.min(rest.len()));
            rest = after;
            Some(piece)
        })
    }

    /// The sizes, over and over; without cuts, a size above anything.
    pub fn sizes(self) -> impl Iterator<Item = usize> {
        let whole = self.0 == [0; 8];
        let size_of = move |code| if whole { 1 << 16 } else { size(code) };
        self.0.into_iter().map(size_of).cycle()
    }
}
