#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab and bytes that are queued, all in memory"
)]

use std::io::IoSlice;

use bytes::Bytes;
use wskit_frame::{FrameHeader, OpCode, encode_frame};

use super::outbox::COPIED;
use super::segments::{Older, Segment};
use crate::pool::{self, Slab};

/// Encoded frames on their way out, in order.
///
/// Headers and small payloads lie side by side in one pooled slab; large payloads are queued without
/// a copy, between two ranges of it. One vectored write takes many messages. Bytes leave only by
/// [`advance`](Queue::advance), after a write has returned.
#[derive(Default)]
pub(super) struct Queue {
    slab: Slab,
    /// The newest pending bytes are `slab[head..tail]`; everything in `older` goes before them.
    head: u32,
    tail: u32,
    older: Option<Box<Older>>,
    queued: usize,
    /// Bytes from the front to the next border between frames. Tracked only while part of the queue
    /// has been written; found by walking the headers, so complete writes cost nothing.
    rest: usize,
    /// Shared payloads that have been sent, for callers that must not drop them here.
    #[allow(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each connection, and most have none"
    )]
    spent: Option<Box<Vec<Bytes>>>,
}

/// A payload that is queued without a copy.
pub(super) enum Payload {
    Shared(Bytes),
    /// A buffer, and where in it the payload begins.
    Own(Vec<u8>, usize),
}

impl Payload {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Shared(data) => data.len(),
            Self::Own(data, from) => data.len() - from,
        }
    }
}

/// Room behind a frame, for stores that are wider than its end.
const SLACK: usize = 16;
/// Room beside a payload: its header and the slack.
const MARGIN: usize = FrameHeader::MAX_SIZE + SLACK;

impl Queue {
    /// Returns how many bytes are pending.
    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Returns how many bytes lie between the front and the next border between frames.
    pub(super) fn rest_of_frame(&self) -> usize {
        self.rest
    }

    /// Appends a frame, payload copied (and masked while copied). For payloads of up to
    /// [`COPIED`](super::outbox::COPIED) bytes.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        fin: bool,
        rsv1: bool,
        opcode: OpCode,
        mask: Option<[u8; 4]>,
        payload: &[u8],
    ) {
        self.make_room_for(payload.len());
        let out = self.slab.get_mut(self.tail as usize..).unwrap_or_default();
        if let Some(size) = encode_frame(fin, rsv1, opcode, mask, payload, out) {
            self.tail += size as u32;
            self.queued += size;
        } else {
            // Only a payload above COPIED gets here, and callers have none.
            debug_assert!(
                false,
                "a payload of {} bytes does not fit a slab",
                payload.len()
            );
        }
    }

    /// Appends a whole message of at most [`COPIED`] bytes as one unmasked frame, payload copied, if the current
    /// slab has room for it: the fast path of a server.
    #[inline(always)]
    pub(super) fn push_fast(&mut self, opcode: OpCode, payload: &[u8]) -> bool {
        let len = payload.len();
        // §5.2: FIN, the opcode, no mask, the length in its shortest form. Built as a little-endian
        // number and stored whole: bytes beyond the header are payload, or slack behind the frame.
        let start = 0x80 | u64::from(opcode.bits());
        let (head, size) = match len {
            0..=125 => (start | (len as u64) << 8, 2),
            126..=COPIED => {
                let len = u64::from((len as u16).swap_bytes());
                (start | 126 << 8 | len << 16, 4)
            }
            _ => return false,
        };
        let tail = self.tail as usize;
        let Some(out) = self.slab.get_mut(tail..tail + size + len + SLACK) else {
            return false;
        };
        self.tail += (size + len) as u32;
        self.queued += size + len;
        if let Some(to) = out.first_chunk_mut() {
            *to = head.to_le_bytes();
        }
        if let Some(to) = out.get_mut(size..size + len) {
            copy(payload, to);
        }
        true
    }

    /// Appends a small frame that was encoded elsewhere, if the current slab has room for it.
    #[inline]
    pub(super) fn push_frame(&mut self, frame: &[u8]) -> bool {
        let (tail, len) = (self.tail as usize, frame.len());
        let Some(out) = self.slab.get_mut(tail..tail + len + SLACK) else {
            return false;
        };
        self.tail += len as u32;
        self.queued += len;
        if let Some(to) = out.get_mut(..len) {
            copy(frame, to);
        }
        true
    }

    /// Appends like [`push_fast`](Queue::push_fast) when there is no slab, or no room in it.
    #[inline(never)]
    pub(super) fn push_fast_first(&mut self, opcode: OpCode, payload: &[u8]) {
        self.make_room_for(payload.len());
        let pushed = self.push_fast(opcode, payload);
        debug_assert!(pushed, "no slab has room for {} bytes", payload.len());
    }

    /// Appends a frame whose payload, masked already if necessary, is queued without a copy.
    pub(super) fn push_large(&mut self, header: &FrameHeader, payload: Payload) {
        let mut head = [0; FrameHeader::MAX_SIZE];
        let size = header.encode(&mut head);
        self.make_room_for(0);
        let tail = self.tail as usize;
        if let (Some(to), Some(from)) = (self.slab.get_mut(tail..tail + size), head.get(..size)) {
            to.copy_from_slice(from);
        }
        self.tail += size as u32;
        self.queued += size;
        self.push_segment(payload);
    }

    /// Keeps shared payloads that have been sent until [`take_spent`](Queue::take_spent).
    pub(super) fn keep_spent(&mut self) {
        self.spent.get_or_insert_default();
    }

    /// Drops shared payloads that have been sent.
    pub(super) fn drop_spent(&mut self) {
        self.spent = None;
    }

    /// Returns whether payloads are kept.
    #[inline]
    pub(super) fn has_spent(&self) -> bool {
        self.spent.as_ref().is_some_and(|spent| !spent.is_empty())
    }

    pub(super) fn take_spent(&mut self) -> Vec<Bytes> {
        self.spent
            .as_deref_mut()
            .map_or_else(Vec::new, core::mem::take)
    }

    /// Drops a payload, or keeps it for [`take_spent`](Queue::take_spent).
    #[inline]
    pub(super) fn retire(&mut self, payload: Bytes) {
        if let Some(spent) = &mut self.spent {
            spent.push(payload);
        }
    }

    /// Appends whole frames that were encoded elsewhere.
    pub(super) fn push_frames(&mut self, frames: Bytes) {
        self.push_segment(Payload::Shared(frames));
    }

    fn push_segment(&mut self, payload: Payload) {
        let (head, tail) = (self.head, self.tail);
        self.head = self.tail;
        let older = self.older.get_or_insert_with(Older::take_spare);
        if head < tail {
            let slab = older.current();
            older.segments.push_back(Segment::Range {
                slab,
                from: head,
                to: tail,
            });
        }
        let len = payload.len();
        if len > 0 {
            older.segments.push_back(match payload {
                Payload::Shared(data) => Segment::Shared(data),
                Payload::Own(data, from) => Segment::Own { data, from },
            });
            self.queued += len;
        }
    }

    /// Makes room in the slab for a frame whose payload has `len` bytes.
    #[inline]
    pub(super) fn make_room_for(&mut self, len: usize) {
        if self.slab.is_empty() {
            self.slab = pool::take_write();
        } else if self.slab.len() - (self.tail as usize) < len + MARGIN {
            self.make_room();
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.queued == 0 {
            self.head = 0;
            self.tail = 0;
        } else {
            let full = core::mem::replace(&mut self.slab, pool::take_write());
            let older = self.older.get_or_insert_with(Older::take_spare);
            if self.head < self.tail {
                let slab = older.current();
                older.segments.push_back(Segment::Range {
                    slab,
                    from: self.head,
                    to: self.tail,
                });
            }
            older.retired.push_back(full);
            self.head = 0;
            self.tail = 0;
        }
    }

    /// Returns the pending bytes in order, as slices.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let older = self.older.as_deref();
        let segments = older.into_iter().flat_map(|older| older.slices(&self.slab));
        segments.chain(core::iter::once(self.newest()).filter(|newest| !newest.is_empty()))
    }

    /// Fills `out` from byte `skip` on with at most `limit` bytes; returns how many slices and bytes.
    pub(super) fn fill<'a>(
        &'a self,
        skip: usize,
        limit: usize,
        out: &mut [IoSlice<'a>],
    ) -> (usize, usize) {
        let (mut skip, mut left) = (skip, limit);
        let mut used = 0;
        for slice in self.slices() {
            if left == 0 || used == out.len() {
                break;
            }
            let Some(slice) = slice.get(skip..) else {
                skip -= slice.len();
                continue;
            };
            skip = 0;
            let slice = slice.get(..left).unwrap_or(slice);
            if slice.is_empty() {
                continue;
            }
            if let Some(to) = out.get_mut(used) {
                *to = IoSlice::new(slice);
                used += 1;
                left -= slice.len();
            }
        }
        (used, limit - left)
    }

    /// Returns the pending bytes if all of them lie in the slab.
    #[inline]
    pub(super) fn only(&self) -> Option<&[u8]> {
        if self.older.is_none() {
            Some(self.newest())
        } else {
            None
        }
    }

    #[inline]
    fn newest(&self) -> &[u8] {
        self.slab
            .get(self.head as usize..self.tail as usize)
            .unwrap_or_default()
    }

    /// Drops `n` written bytes from the front.
    #[inline]
    pub(super) fn advance(&mut self, n: usize) {
        if n >= self.queued {
            self.clear();
        } else {
            self.advance_part(n);
        }
    }

    /// Moves the pending bytes to a buffer of just their size and gives the slab back, because the
    /// socket refuses writes: many stalled peers then do not hold a slab each.
    #[cold]
    pub(super) fn park(&mut self) {
        if self.slab.is_empty()
            || self
                .older
                .as_ref()
                .is_some_and(|older| older.refers_to_current())
        {
            return;
        }
        let waiting = self.newest();
        if waiting.len() > self.slab.len() / 4 {
            return;
        }
        let data = waiting.to_vec();
        self.queued -= data.len();
        self.head = 0;
        self.tail = 0;
        self.push_segment(Payload::Own(data, 0));
        pool::give_write(core::mem::take(&mut self.slab));
    }

    /// Drops everything and gives the buffers back.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.queued = 0;
        self.head = 0;
        self.tail = 0;
        self.rest = 0;
        if self.older.is_some() {
            self.clear_older();
        }
        if !self.slab.is_empty() {
            pool::give_write(core::mem::take(&mut self.slab));
        }
    }

    #[cold]
    fn clear_older(&mut self) {
        if let Some(mut older) = self.older.take() {
            older.clear(self.spent.as_deref_mut());
            Older::keep_spare(older);
        }
    }

    #[cold]
    fn advance_part(&mut self, n: usize) {
        // Find the end of the frame in which the write stopped. The headers tell, so they are read
        // before the bytes are dropped.
        let mut border = self.rest;
        while border < n {
            border = self
                .frame_at(border)
                .map_or(n, |size| border.saturating_add(size));
        }
        self.rest = border - n;
        self.queued -= n;

        let mut left = n;
        if let Some(older) = self.older.as_deref_mut() {
            left = older.drop_front(left, self.spent.as_deref_mut());
            if older.segments.is_empty() {
                self.clear_older();
            }
        }
        self.head += left as u32;
    }

    /// Returns the size, header and payload, of the frame that begins `at` bytes from the front.
    fn frame_at(&self, at: usize) -> Option<usize> {
        let mut skip = at;
        for slice in self.slices() {
            let Some(bytes) = slice.get(skip..).filter(|bytes| !bytes.is_empty()) else {
                skip -= slice.len();
                continue;
            };
            // A header never crosses a slice: frames are encoded whole, and a full slab is left early.
            return frame_size(bytes);
        }
        None
    }

    /// Returns how many bytes of heap are held, borrowed slabs included; shared payloads count in full.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.slab.len() + self.older.as_deref().map_or(0, Older::buffer_bytes)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Copies `from` to `to`, which has the same length. Small sizes are copied by their two ends, which
/// overlap: a call of the general copy costs more than all the rest of a short frame.
#[inline]
fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        16..=32 => ends::<16>(from, to),
        8..16 => ends::<8>(from, to),
        _ if from.len() == to.len() => to.copy_from_slice(from),
        _ => {}
    }
}

#[inline]
fn ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(to) = to.first_chunk_mut() {
            *to = *head;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = *tail;
        }
    }
}

/// Returns the size of the frame at the start of `bytes`, header included. Only the length is looked at
/// (§5.2): frames that a program has encoded itself may have any bits and any mask.
fn frame_size(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let key = if second & 0x80 == 0 { 0 } else { 4 };
    let after = bytes.get(2..)?;
    let (len, size) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*after.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*after.first_chunk()?), 10),
        short => (u64::from(short), 2),
    };
    usize::try_from(len).ok()?.checked_add(size + key)
}
