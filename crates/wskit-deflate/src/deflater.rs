//! A compressing stream with the state of one message.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts of bytes within the slices of one call, and a stage of a few bytes"
)]

use std::fmt;
use std::num::NonZeroU64;

use crate::engine::{Broken, Deflate};
use crate::progress::Progress;

/// A stream and the state of one message. Borrowed from the pool, or owned by a
/// connection.
pub(crate) struct Deflater {
    engine: Deflate,
    level: u8,
    window_bits: u8,
    /// The engine has received input of this message.
    fed: bool,
    /// The engine filled its output: there may be more.
    more: bool,
    /// The marker is removed; only `stage` is left of this message.
    flushed: bool,
    /// Output that waits: up to four bytes that may be the marker, and bytes
    /// that did not fit.
    stage: [u8; STAGE],
    from: u8,
    to: u8,
    /// The compressor that blanked the window's memory as far as its history may reach, and has
    /// been its only user since.
    owner: Option<NonZeroU64>,
    /// The number of bytes written to the window since it was empty.
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

    /// Resets to an empty window, between two messages.
    pub(crate) fn reset(&mut self) {
        // The engine has two windows of memory and moves the upper one down when it is full,
        // including bytes that others left there.
        if self.written + MARGIN >= 2 << self.window_bits {
            self.owner = None;
        }
        self.written = 0;
        self.engine.reset();
    }

    /// Returns whether this owner blanked the window's memory and has been its only user since.
    pub(crate) fn is_of(&self, owner: NonZeroU64) -> bool {
        self.owner == Some(owner)
    }

    /// Removes the owner: the window's memory may hold bytes of others.
    pub(crate) fn disown(&mut self) {
        self.owner = None;
    }

    /// Resets to an empty window, and blanks the memory of its first `len` bytes (the longest
    /// history of this owner) and a margin.
    ///
    /// The engine reads bytes after those it was primed with, and links between positions that it
    /// has not set itself. If they belong to another connection, the length of the output reveals
    /// something about them. The cheapest way to overwrite that memory is to compress zeros and
    /// discard the result: 1.7 us with the reset.
    pub(crate) fn blank(&mut self, owner: NonZeroU64, len: usize) {
        let mut left = len + BEHIND;
        let mut out = [0; 512];
        loop {
            let zeros = ZEROS.get(..left.min(ZEROS.len())).unwrap_or_default();
            let progress = self.push(zeros, zeros.len() == left, &mut out);
            left -= progress.consumed;
            // Unreachable by the contract, but it must not loop forever.
            if (progress.done && left == 0) || progress == Progress::default() {
                break;
            }
        }
        self.reset();
        self.owner = Some(owner);
    }

    /// Appends uncompressed text to the window, between two messages.
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

    /// Compresses by the contract of
    /// [`Compressor::compress`](crate::Compressor::compress). A call with `end`
    /// that is done leaves the stream at the next message.
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
                // §7.2.3.6: an empty message is one empty block, of which the first byte stays.
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
            // Unreachable, as a compressor accepts any input. It would show as a call without
            // progress.
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

    /// Compresses into `out` after the retained bytes, and retains its last
    /// four. Returns the bytes consumed and the bytes of `out` that are ready.
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

    /// Compresses into the stage, if the caller has little room.
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

    /// Calls the engine once, after `held` bytes of `out`. Returns the bytes
    /// consumed and the bytes of `out` in use, without the marker after the
    /// last call.
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
        // §7.2.1: the message ends with an empty stored block, of which 00 00 FF FF is removed.
        self.flushed = end && !self.more && step.consumed == input.len();
        let marker = if self.flushed { MARKER } else { 0 };
        Ok((step.consumed, total.saturating_sub(marker)))
    }

    /// Outputs staged bytes that are certainly not the marker.
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

/// Does not show the bytes that wait.
impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level)
            .field("window_bits", &self.window_bits)
            .finish_non_exhaustive()
    }
}

/// How many bytes after a primed history the engine may read: one when it is primed, and one or two
/// more if the first piece of a message is no longer than that.
const BEHIND: usize = 3;

/// The engine moves its memory once less than this is left.
const MARGIN: usize = 262;

/// The bytes that overwrite memory.
static ZEROS: [u8; 4 << 10] = [0; 4 << 10];

/// The length of 00 00 FF FF.
const MARKER: usize = 4;

/// Room for the marker and for what the engine needs to end a flush at once.
const STAGE: usize = 64;
