//! A compressing stream with the state of one message.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts of bytes within the slices of one call, and a stage of a few bytes"
)]

use std::fmt;
use std::num::NonZeroU64;

use crate::engine::{Broken, Deflate};
use crate::progress::Progress;

/// A stream and what one message needs beside it: lent by the pool, or a
/// connection's own.
pub(crate) struct Deflater {
    engine: Deflate,
    level: u8,
    window_bits: u8,
    /// Input of this message has been given to the engine.
    fed: bool,
    /// The engine's output filled the room it was given: there may be more.
    more: bool,
    /// The marker is off: only `stage` is left of this message.
    flushed: bool,
    /// Output that waits: up to four bytes that may be the marker, and what did
    /// not fit.
    stage: [u8; STAGE],
    from: u8,
    to: u8,
    /// Who made the window's memory blank, as far as that history may reach, and has used it alone since.
    owner: Option<NonZeroU64>,
    /// Bytes that have gone into the window since it was empty.
    written: usize,
}

impl Deflater {
    pub(crate) fn new(level: u8, window_bits: u8) -> Self {
        Self {
            engine: Deflate::new(level, window_bits),
            level,
            window_bits,
            fed: false,
            more: false,
            flushed: false,
            stage: [0; STAGE],
            from: 0,
            to: 0,
            owner: None,
            written: 0,
        }
    }

    pub(crate) fn is(&self, level: u8, window_bits: u8) -> bool {
        self.level == level && self.window_bits == window_bits
    }

    /// Back to an empty window, between two messages.
    pub(crate) fn reset(&mut self) {
        // The engine has two windows of memory, and moves the upper one down when that is full, with
        // what others have left there.
        if self.written + MARGIN >= 2 << self.window_bits {
            self.owner = None;
        }
        self.written = 0;
        self.engine.reset();
    }

    /// Whether this owner made the window's memory blank, and nobody else has used it since.
    pub(crate) fn is_of(&self, owner: NonZeroU64) -> bool {
        self.owner == Some(owner)
    }

    /// From now on nobody's: what others put into the window is not looked for.
    pub(crate) fn disown(&mut self) {
        self.owner = None;
    }

    /// An empty window again, of which the first `len` bytes, the longest history of this owner, and some
    /// behind are blank in memory, too.
    ///
    /// The engine looks at bytes behind what it is primed with, and at links between places that it has not
    /// made itself. If it finds another connection's there, the length of what it makes tells something of
    /// them, to whoever sees that. Zeros, compressed to nothing that anybody reads, are the cheapest way to get
    /// at that memory: with the reset 1.7 us.
    pub(crate) fn blank(&mut self, owner: NonZeroU64, len: usize) {
        let mut left = len + BEHIND;
        let mut out = [0; 512];
        loop {
            let zeros = ZEROS.get(..left.min(ZEROS.len())).unwrap_or_default();
            let progress = self.push(zeros, zeros.len() == left, &mut out);
            left -= progress.consumed;
            // No progress at all is unreachable, as the contract has it; it must not spin.
            if (progress.done && left == 0) || progress == Progress::default() {
                break;
            }
        }
        self.reset();
        self.owner = Some(owner);
    }

    /// Appends plain text to the window, between two messages.
    pub(crate) fn prime(&mut self, plain: &[u8]) -> Result<(), Broken> {
        let most = 1_usize << self.window_bits;
        let tail = plain
            .get(plain.len().saturating_sub(most)..)
            .unwrap_or_default();
        self.written = self.written.saturating_add(tail.len());
        if tail.is_empty() {
            Ok(())
        } else {
            self.engine.prime(tail)
        }
    }

    /// The contract of [`Compressor::compress`](crate::Compressor::compress).
    /// Stands at the next message after a call with `end` that is done.
    pub(crate) fn push(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress {
        let mut rest = input;
        let mut produced = 0;
        let done = loop {
            produced += self.unstage(out.get_mut(produced..).unwrap_or_default());
            if self.staged() > self.held_back() {
                break false;
            }
            if self.flushed {
                (self.fed, self.more, self.flushed) = (false, false, false);
                break true;
            }
            if rest.is_empty() && !end && !self.more {
                break true;
            }
            if rest.is_empty() && end && !self.fed {
                // §7.2.3.6: nothing compresses to one empty block, of which the first byte stays.
                self.put(&[0]);
                self.flushed = true;
                continue;
            }
            let room = out.get_mut(produced..).unwrap_or_default();
            let step = if room.len() >= STAGE {
                self.run_direct(rest, end, room)
            } else {
                self.run_staged(rest, end)
            };
            // Unreachable: a compressor accepts whatever it is given. It would show as a call
            // without progress.
            let Ok((consumed, ready)) = step else {
                break false;
            };
            rest = rest.get(consumed..).unwrap_or_default();
            produced += ready;
        };
        let consumed = input.len() - rest.len();
        self.written = self.written.saturating_add(consumed);
        Progress {
            consumed,
            produced,
            done,
        }
    }

    /// Compresses into `out`, after the bytes held back, and holds back its last
    /// four. Returns bytes consumed and bytes of `out` that are ready.
    fn run_direct(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<(usize, usize), Broken> {
        let held = self.staged();
        if let (Some(to), Some(from)) = (out.get_mut(..held), self.stage.get(self.range())) {
            to.copy_from_slice(from);
        }
        let (consumed, total) = self.run(input, end, out, held)?;
        (self.from, self.to) = (0, 0);
        let kept = total.min(MARKER);
        let ready = total - kept;
        self.put(out.get(ready..total).unwrap_or_default());
        Ok((consumed, ready))
    }

    /// The same into the stage, when the caller has little room.
    fn run_staged(&mut self, input: &[u8], end: bool) -> Result<(usize, usize), Broken> {
        let held = self.staged();
        let mut stage = [0; STAGE];
        if let (Some(to), Some(from)) = (stage.get_mut(..held), self.stage.get(self.range())) {
            to.copy_from_slice(from);
        }
        let (consumed, total) = self.run(input, end, &mut stage, held)?;
        self.stage = stage;
        (self.from, self.to) = (0, total as u8);
        Ok((consumed, 0))
    }

    /// One call of the engine, behind `held` bytes of `out`. Returns bytes
    /// consumed and bytes of `out` in use, without the marker if it was the last.
    fn run(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
        held: usize,
    ) -> Result<(usize, usize), Broken> {
        let room = out.get_mut(held..).unwrap_or_default();
        let step = self.engine.compress(input, room, end)?;
        self.fed |= step.consumed > 0;
        self.more = step.produced == room.len();
        let total = held + step.produced;
        // §7.2.1: the message ends on an empty stored block, of which 00 00 FF FF is taken off.
        self.flushed = end && !self.more && step.consumed == input.len();
        let marker = if self.flushed { MARKER } else { 0 };
        Ok((step.consumed, total.saturating_sub(marker)))
    }

    /// Hands out staged bytes that are certainly not the marker.
    fn unstage(&mut self, out: &mut [u8]) -> usize {
        let count = (self.staged() - self.held_back()).min(out.len());
        let from = usize::from(self.from);
        if let (Some(to), Some(staged)) = (out.get_mut(..count), self.stage.get(from..from + count))
        {
            to.copy_from_slice(staged);
        }
        self.from += count as u8;
        count
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(to) = self.stage.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
            (self.from, self.to) = (0, bytes.len() as u8);
        }
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.from.into()..self.to.into()
    }

    fn staged(&self) -> usize {
        usize::from(self.to - self.from)
    }

    fn held_back(&self) -> usize {
        if self.flushed {
            0
        } else {
            self.staged().min(MARKER)
        }
    }
}

/// Without the bytes that wait.
impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level)
            .field("window_bits", &self.window_bits)
            .finish_non_exhaustive()
    }
}

/// So many bytes behind a primed history may be looked at: one when it is primed, and one or two more when
/// the first piece of a message has no more than that.
const BEHIND: usize = 3;

/// The engine moves its memory once less than this is left.
const MARGIN: usize = 262;

/// What memory is made blank with.
static ZEROS: [u8; 4 << 10] = [0; 4 << 10];

/// Length of 00 00 FF FF.
const MARKER: usize = 4;

/// Room for the marker and for what the engine needs to end a flush at once.
const STAGE: usize = 64;
