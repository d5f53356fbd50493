//! A toy compression that has every property that matters to the caller: it keeps state between calls,
//! expands without bound (a bomb of two bytes), holds output back when there is no room, and ends its
//! message with a mark of its own.
//!
//! On the wire: pairs `(count, byte)`, count 1 to 255; the message ends with a single `0`.

use super::Progress;
use crate::error::ProtocolError;

/// Decodes pairs to runs.
#[derive(Debug, Default)]
pub(crate) struct Expand {
    count: Option<u8>,
    run: (u8, u8),
    ended: bool,
}

impl Expand {
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, ProtocolError> {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            while self.run.0 > 0 && produced < out.len() {
                out[produced] = self.run.1;
                produced += 1;
                self.run.0 -= 1;
            }
            if self.run.0 > 0 {
                return Ok(Progress {
                    consumed,
                    produced,
                    done: false,
                });
            }
            let Some(&byte) = input.get(consumed) else {
                if end && !(self.ended && self.count.is_none()) {
                    return Err(ProtocolError::Compression);
                }
                if end {
                    *self = Self::default();
                }
                return Ok(Progress {
                    consumed,
                    produced,
                    done: true,
                });
            };
            if self.ended {
                return Err(ProtocolError::Compression);
            }
            consumed += 1;
            match self.count.take() {
                Some(count) => self.run = (count, byte),
                None if byte == 0 => self.ended = true,
                None => self.count = Some(byte),
            }
        }
    }
}

/// Encodes runs as pairs.
#[derive(Debug, Default)]
pub(crate) struct Shrink {
    run: Option<(u8, u8)>,
    held: Vec<u8>,
}

impl Shrink {
    pub(crate) fn encode(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            while produced < out.len() && !self.held.is_empty() {
                out[produced] = self.held.remove(0);
                produced += 1;
            }
            if !self.held.is_empty() {
                return Progress {
                    consumed,
                    produced,
                    done: false,
                };
            }
            match (input.get(consumed), self.run) {
                (Some(&byte), Some((count, run))) if byte == run && count < 255 => {
                    self.run = Some((count + 1, run));
                    consumed += 1;
                }
                (Some(&byte), run) => {
                    if let Some((count, run)) = run {
                        self.held.extend([count, run]);
                    }
                    self.run = Some((1, byte));
                    consumed += 1;
                }
                (None, Some((count, run))) if end => {
                    self.held.extend([count, run, 0]);
                    self.run = None;
                    // The mark is encoded: only held bytes follow in this call.
                    return self.drain(consumed, produced, out);
                }
                (None, None) if end && input.is_empty() && produced == 0 && consumed == 0 => {
                    self.held.push(0);
                    return self.drain(consumed, produced, out);
                }
                (None, _) => {
                    return Progress {
                        consumed,
                        produced,
                        done: true,
                    };
                }
            }
        }
    }

    fn drain(&mut self, consumed: usize, mut produced: usize, out: &mut [u8]) -> Progress {
        while produced < out.len() && !self.held.is_empty() {
            out[produced] = self.held.remove(0);
            produced += 1;
        }
        Progress {
            consumed,
            produced,
            done: self.held.is_empty(),
        }
    }
}
