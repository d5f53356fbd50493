//! A decompressing stream with the state of one message.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts of bytes within the slices of one call"
)]

use std::fmt;

use crate::engine::Inflate;
use crate::error::DecompressError;
use crate::progress::Progress;

/// A stream and the state of one message. Borrowed from the pool, or owned by a
/// connection.
pub(crate) struct Inflater {
    engine: Inflate,
    /// Nothing was consumed since the message began or since a final block.
    fresh: bool,
    /// The engine filled its output: there may be more.
    more: bool,
    /// A byte that did not fit. It ensures that a full `out` never hides
    /// whether the message continues.
    spare: Option<u8>,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self {
            engine: Inflate::new(),
            fresh: true,
            more: false,
            spare: None,
        }
    }

    /// Resets to an empty window, from any state.
    pub(crate) fn reset(&mut self) {
        self.engine.reset();
        (self.fresh, self.more, self.spare) = (true, false, None);
    }

    /// Appends uncompressed text to the window, before a message.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), DecompressError> {
        if plain.is_empty() {
            return Ok(());
        }
        self.engine
            .prime(plain)
            .map_err(|_| DecompressError::Corrupt)
    }

    /// Decompresses by the contract of
    /// [`Decompressor::decompress`](crate::Decompressor::decompress).
    pub(crate) fn pull(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, DecompressError> {
        let mut rest = input;
        let mut produced = 0;
        let done = loop {
            if let Some(byte) = self.spare {
                let Some(slot) = out.get_mut(produced) else {
                    break false;
                };
                *slot = byte;
                produced += 1;
                self.spare = None;
            }
            if rest.is_empty() && !self.more {
                if end {
                    self.finish()?;
                }
                break true;
            }
            let mut one = [0];
            let mut room = out.get_mut(produced..).unwrap_or_default();
            let full = room.is_empty();
            if full {
                room = &mut one;
            }
            let step = self
                .engine
                .decompress(rest, room)
                .map_err(|_| DecompressError::Corrupt)?;
            self.more = step.produced == room.len();
            self.fresh = false;
            if full {
                self.spare = one
                    .get(..step.produced)
                    .and_then(|one| one.first())
                    .copied();
            } else {
                produced += step.produced;
            }
            if step.ended {
                // §7.2.3.4: a block may be final; a new stream follows it.
                self.engine.reset();
                (self.fresh, self.more) = (true, false);
            } else if step.consumed == 0 && step.produced == 0 && !rest.is_empty() {
                // Unreachable: it has room and input.
                return Err(DecompressError::Corrupt);
            }
            rest = rest.get(step.consumed..).unwrap_or_default();
        };
        Ok(Progress {
            consumed: input.len() - rest.len(),
            produced,
            done,
        })
    }

    /// Ends the message: appends 00 00 FF FF (§7.2.2), which must complete an empty stored block.
    /// The byte after it verifies that: the engine stops at the end of a block, so it takes exactly
    /// four.
    fn finish(&mut self) -> Result<(), DecompressError> {
        // After a final block there may be nothing: the sender ended with one.
        if !self.fresh {
            let step = self
                .engine
                .decompress_block(&[0, 0, 0xff, 0xff, 0], &mut [0])
                .map_err(|_| DecompressError::Truncated)?;
            if step.consumed != 4 || step.produced != 0 {
                return Err(DecompressError::Truncated);
            }
        }
        self.fresh = true;
        Ok(())
    }
}

/// Does not show the byte that waits.
impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater")
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}
