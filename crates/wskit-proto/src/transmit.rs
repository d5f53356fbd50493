#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab and bytes that are queued, all in memory: the hot path"
)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use wskit_frame::{FrameHeader, HeaderRules, Masking, OpCode, Parsed, encode_frame};

use crate::pool::{self, Slab};

/// Encoded frames on their way out, in order.
///
/// Headers and small payloads lie side by side in one pooled slab; large payloads are queued as
/// they are, between two ranges of it. One vectored write takes many messages. Bytes leave only by
/// [`advance`](Transmit::advance), after a write has returned.
#[derive(Default)]
pub(crate) struct Transmit {
    slab: Slab,
    /// The newest pending bytes are `slab[head..tail]`; everything in `older` goes before them.
    head: u32,
    tail: u32,
    older: Option<Box<Older>>,
    queued: usize,
    /// Bytes from the front to the next border between frames. Kept only while part of the queue
    /// has been written; found by walking the headers, so whole writes cost nothing.
    rest: usize,
    /// Shared payloads that are done with, where they must not be dropped here.
    #[allow(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each connection, and most have none"
    )]
    spent: Option<Box<Vec<Bytes>>>,
}

/// What goes before the newest bytes, once a large payload or a full slab has come in between.
#[derive(Default)]
struct Older {
    segments: VecDeque<Segment>,
    /// Full slabs that `segments` still points into; the first has the number `first`.
    retired: VecDeque<Slab>,
    first: u32,
}

enum Segment {
    /// `from..to` of slab number `slab`.
    Range {
        slab: u32,
        from: u32,
        to: u32,
    },
    Shared(Bytes),
    Own {
        data: Vec<u8>,
        from: usize,
    },
}

/// A payload that is queued as it is.
pub(crate) enum Payload {
    Shared(Bytes),
    Own(Vec<u8>),
}

/// Room behind a frame, for stores that are wider than its end.
const SLACK: usize = 16;
/// Room beside a payload: its header and the slack.
const MARGIN: usize = FrameHeader::MAX_SIZE + SLACK;

thread_local! {
    /// One emptied `Older`, so that a stream of large messages does not allocate it again and again.
    static SPARE: Cell<Option<Box<Older>>> = const { Cell::new(None) };
}

impl Transmit {
    /// Bytes pending.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes from the front to the next border between frames.
    pub(crate) fn rest_of_frame(&self) -> usize {
        self.rest
    }

    /// Appends a frame, payload copied (and masked while copied). For payloads of up to
    /// [`COPIED`](crate::outbox::COPIED) bytes.
    #[inline]
    pub(crate) fn push_copy(
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
            // Only a payload above COPIED gets here, and no caller has one.
            debug_assert!(
                false,
                "a payload of {} bytes does not fit a slab",
                payload.len()
            );
        }
    }

    /// Appends a whole message as one unmasked frame, payload copied, if the slab in hand has room
    /// for it: what a server mostly sends.
    #[inline]
    pub(crate) fn push_plain(&mut self, opcode: OpCode, payload: &[u8]) -> bool {
        let len = payload.len();
        // §5.2: FIN, the opcode, no mask, the length in its shortest form. Built as a little-endian
        // number and stored whole: what is too much is payload, or slack behind the frame.
        let start = 0x80 | u64::from(opcode.bits());
        let (head, size) = match len {
            0..=125 => (start | (len as u64) << 8, 2),
            126..=0xffff => {
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

    /// As [`push_plain`](Transmit::push_plain) when there is no slab or no room in it.
    #[inline(never)]
    pub(crate) fn push_first(&mut self, opcode: OpCode, payload: &[u8]) {
        self.make_room_for(payload.len());
        let pushed = self.push_plain(opcode, payload);
        debug_assert!(pushed, "no slab has room for {} bytes", payload.len());
    }

    /// Appends a frame whose payload (masked already, where it must be) is queued as it is.
    pub(crate) fn push_large(&mut self, header: &FrameHeader, payload: Payload) {
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

    /// Keeps shared payloads that are done with until [`take_spent`](Transmit::take_spent).
    pub(crate) fn keep_spent(&mut self) {
        self.spent.get_or_insert_default();
    }

    /// Whether something is kept.
    #[inline]
    pub(crate) fn has_spent(&self) -> bool {
        self.spent.as_ref().is_some_and(|spent| !spent.is_empty())
    }

    pub(crate) fn take_spent(&mut self) -> Vec<Bytes> {
        self.spent
            .as_deref_mut()
            .map_or_else(Vec::new, core::mem::take)
    }

    /// Drops a payload, or keeps it for [`take_spent`](Transmit::take_spent).
    #[inline]
    pub(crate) fn retire(&mut self, payload: Bytes) {
        if let Some(spent) = &mut self.spent {
            spent.push(payload);
        }
    }

    /// Appends whole frames that were encoded elsewhere.
    pub(crate) fn push_frames(&mut self, frames: Bytes) {
        self.push_segment(Payload::Shared(frames));
    }

    fn push_segment(&mut self, payload: Payload) {
        let (head, tail) = (self.head, self.tail);
        self.head = self.tail;
        let older = self
            .older
            .get_or_insert_with(|| SPARE.take().unwrap_or_default());
        if head < tail {
            let slab = older.current();
            older.segments.push_back(Segment::Range {
                slab,
                from: head,
                to: tail,
            });
        }
        let (segment, len) = match payload {
            Payload::Shared(data) => {
                let len = data.len();
                (Segment::Shared(data), len)
            }
            Payload::Own(data) => {
                let len = data.len();
                (Segment::Own { data, from: 0 }, len)
            }
        };
        if len > 0 {
            older.segments.push_back(segment);
            self.queued += len;
        }
    }

    /// Makes room in the slab for a frame whose payload has `len` bytes.
    #[inline]
    pub(crate) fn make_room_for(&mut self, len: usize) {
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
            let older = self
                .older
                .get_or_insert_with(|| SPARE.take().unwrap_or_default());
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

    /// The pending bytes in order, as slices.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let older = self.older.as_deref();
        let segments = older.into_iter().flat_map(move |older| {
            older.segments.iter().map(move |segment| match segment {
                Segment::Range { slab, from, to } => {
                    let retired = older.retired.get(slab.wrapping_sub(older.first) as usize);
                    retired
                        .unwrap_or(&self.slab)
                        .get(*from as usize..*to as usize)
                        .unwrap_or_default()
                }
                Segment::Shared(data) => data,
                Segment::Own { data, from } => data.get(*from..).unwrap_or_default(),
            })
        });
        segments.chain(core::iter::once(self.newest()).filter(|newest| !newest.is_empty()))
    }

    /// Fills `out` from byte `skip` on with at most `limit` bytes; says how many slices and bytes.
    pub(crate) fn fill<'a>(
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

    /// The pending bytes when all of them lie in the slab.
    #[inline]
    pub(crate) fn only(&self) -> Option<&[u8]> {
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
    pub(crate) fn advance(&mut self, n: usize, masked: bool) {
        if n >= self.queued {
            self.clear();
        } else {
            self.advance_part(n, masked);
        }
    }

    /// The socket takes nothing more for now: what waits moves to a buffer of just its size and the
    /// slab goes back, so that many stalled peers do not hold a slab each.
    #[cold]
    pub(crate) fn park(&mut self) {
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
        self.push_segment(Payload::Own(data));
        pool::give_write(core::mem::take(&mut self.slab));
    }

    /// Drops everything and gives the buffers back.
    #[inline]
    pub(crate) fn clear(&mut self) {
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
            for segment in older.segments.drain(..) {
                retire(segment, self.spent.as_deref_mut());
            }
            for slab in older.retired.drain(..) {
                pool::give_write(slab);
            }
            older.first = 0;
            if older.segments.capacity() <= 64 {
                SPARE.set(Some(older));
            }
        }
    }

    #[cold]
    fn advance_part(&mut self, n: usize, masked: bool) {
        // Where does the frame end that the write stopped in? The headers say so; they must be read
        // before the bytes go.
        let mut border = self.rest;
        while border < n {
            border = self
                .frame_at(border, masked)
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

    /// The size, header and payload, of the frame that begins `at` bytes from the front.
    fn frame_at(&self, at: usize, masked: bool) -> Option<usize> {
        let mut skip = at;
        for slice in self.slices() {
            let Some(bytes) = slice.get(skip..).filter(|bytes| !bytes.is_empty()) else {
                skip -= slice.len();
                continue;
            };
            // A header never crosses a slice: frames are encoded whole, and a full slab is left early.
            let masking = if masked {
                Masking::Required
            } else {
                Masking::Forbidden
            };
            let rules = HeaderRules {
                masking,
                allow_rsv1: true,
            };
            return match FrameHeader::parse(bytes, rules) {
                Ok(Parsed::Header { header, size }) => {
                    usize::try_from(header.len).ok()?.checked_add(size)
                }
                _ => None,
            };
        }
        None
    }

    /// Bytes of heap held, borrowed slabs included; shared payloads count in full.
    pub(crate) fn buffer_bytes(&self) -> usize {
        let older = self.older.as_deref().map_or(0, |older| {
            let retired: usize = older.retired.iter().map(|slab| slab.len()).sum();
            let large: usize = older
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Range { .. } => 0,
                    Segment::Shared(data) => data.len(),
                    Segment::Own { data, .. } => data.capacity(),
                })
                .sum();
            retired + large
        });
        self.slab.len() + older
    }
}

impl Drop for Transmit {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Older {
    /// The number of the slab that is being filled.
    fn current(&self) -> u32 {
        self.first.wrapping_add(self.retired.len() as u32)
    }

    fn refers_to_current(&self) -> bool {
        let current = self.current();
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Range { slab, .. } if *slab == current))
    }

    /// Drops `n` bytes from the front; says how many lie beyond.
    fn drop_front(&mut self, n: usize, mut spent: Option<&mut Vec<Bytes>>) -> usize {
        let mut left = n;
        while let Some(segment) = self.segments.front_mut() {
            let len = match segment {
                Segment::Range { from, to, .. } => (*to - *from) as usize,
                Segment::Shared(data) => data.len(),
                Segment::Own { data, from } => data.len() - *from,
            };
            if left < len {
                match segment {
                    Segment::Range { from, .. } => *from += left as u32,
                    Segment::Shared(data) => bytes::Buf::advance(data, left),
                    Segment::Own { from, .. } => *from += left,
                }
                left = 0;
                break;
            }
            left -= len;
            if let Some(segment) = self.segments.pop_front() {
                retire(segment, spent.as_deref_mut());
            }
        }
        self.release();
        left
    }

    /// Gives back the slabs that nothing points into any more.
    fn release(&mut self) {
        let needed = self
            .segments
            .iter()
            .find_map(|segment| match segment {
                Segment::Range { slab, .. } => Some(*slab),
                _ => None,
            })
            .unwrap_or_else(|| self.current());
        while self.first != needed {
            let Some(slab) = self.retired.pop_front() else {
                break;
            };
            pool::give_write(slab);
            self.first = self.first.wrapping_add(1);
        }
    }
}

/// Drops a segment that is done with; a shared payload is kept where there is a place for it.
fn retire(segment: Segment, spent: Option<&mut Vec<Bytes>>) {
    match (segment, spent) {
        (Segment::Own { data, .. }, _) => pool::give_large(data),
        (Segment::Shared(data), Some(spent)) => spent.push(data),
        _ => {}
    }
}

/// Copies `from` to `to`, which is as long. Small sizes by their two ends, which overlap: a call of the
/// general copy costs more than all the rest of a short frame.
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
