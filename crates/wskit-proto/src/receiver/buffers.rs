//! Which memory received bytes lie in, and when it is given back.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within buffers; what is taken was compared with what is there"
)]

use wskit_frame::{CONTROL_MAX, FrameHeader};

use super::payload::check;
use super::{BLOCK, FIRST, Frame, LARGE, ReadBuf, Receiver, SURPLUS, Span, Spare, State};
use crate::message::MessageRef;
use crate::pool::{self, READ_SLAB};

impl Receiver {
    /// Where the next read goes. Never empty.
    #[inline]
    pub(crate) fn read_buf(&mut self) -> ReadBuf<'_> {
        // Between messages, with nothing left over: the buffer from its start.
        if self.has_no_input() && !self.bulk && self.expected == 0 {
            self.start = 0;
            self.end = 0;
            let slab = self.memory.slab_mut();
            if slab.is_empty() {
                *slab = pool::take_read();
            }
            return ReadBuf::Slab(slab);
        }
        self.read_buf_within()
    }

    #[inline(never)]
    fn read_buf_within(&mut self) -> ReadBuf<'_> {
        if self.reads_large() {
            return self.large();
        }
        if self.memory.slab().is_empty() {
            self.acquire();
        } else if self.bulk && self.memory.slab().len() == READ_SLAB {
            self.enlarge();
        } else if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.end as usize > self.memory.slab().len() / 2 {
            self.compact();
        }
        let end = self.end as usize;
        let room = self.memory.slab_mut().get_mut(end..).unwrap_or_default();
        if self.expected > 0 && self.hot && room.len() > FIRST {
            return ReadBuf::Slab(room.get_mut(..FIRST).unwrap_or_default());
        }
        ReadBuf::Slab(room)
    }

    /// Says how many bytes were read into the slab.
    #[inline]
    pub(crate) fn filled(&mut self, n: usize) {
        // More than there was room for is the caller's mistake: what does not fit has not come.
        let len = self.memory.slab().len();
        let n = n.min(len.saturating_sub(self.end as usize));
        self.heard |= n > 0;
        self.tally.received_bytes(n);
        self.drained = false;
        let end = self.end as usize + n;
        self.end = end as u32;
        if self.expected > 0 && self.hot && core::mem::replace(&mut self.tried, true) {
            // The first read after a large message found no other.
            self.expected = 0;
        }
        if end == len {
            self.bulk = true;
        } else if self.bulk && end <= READ_SLAB {
            self.bulk = false;
        }
        if self.state == State::Ended {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Says that `n` bytes were read behind the large message: unmasks and checks them.
    pub(crate) fn filled_large(&mut self, n: usize) {
        let (Some(frame), Some(message)) = (self.frame, self.message) else {
            return;
        };
        if !self.reads_large() {
            return;
        }
        self.drained = false;
        let (slab, own) = self.memory.both_mut();
        let end = self.own_done.saturating_add(n).min(own.len());
        let new = own.get_mut(self.own_done..end).unwrap_or_default();
        self.heard |= !new.is_empty();
        self.tally.received_bytes(new.len());
        let came = (new.len() as u64).min(frame.remaining);
        // Behind the end of this frame begins the next.
        let (new, surplus) = new.split_at_mut(came as usize);
        if !surplus.is_empty() {
            if slab.is_empty() {
                *slab = pool::take_read();
            }
            self.start = 0;
            self.end = copy(surplus, slab);
        }
        let mut mask = frame.mask;
        for block in new.chunks_mut(BLOCK) {
            if let Err(error) = check(&mut self.utf8, message.kind, mask.as_mut(), block) {
                self.error = Some(error);
                self.hot = false;
                break;
            }
        }
        self.own_done += came as usize;
        self.frame = Some(Frame {
            mask,
            remaining: frame.remaining - came,
            ..frame
        });
    }

    /// Gives the slab back when there is nothing more to read for now. What it holds of an
    /// unfinished frame moves to a buffer of just that size, so that a peer which stalls in the
    /// middle of a frame holds no more than it has sent. A slab that may hold more events stays.
    #[inline(always)]
    pub(crate) fn release(&mut self) {
        if self.message.is_some() {
            self.release_own();
        }
        if self.memory.slab().is_empty() {
            return;
        }
        if self.start != self.end {
            if !self.drained {
                return;
            }
            self.set_aside();
        }
        self.start = 0;
        self.end = 0;
        pool::give_read(core::mem::take(self.memory.slab_mut()));
    }

    /// Room that was made because a large message was expected is given up by a peer that has sent
    /// next to nothing of it.
    #[cold]
    fn release_own(&mut self) {
        if self.memory.own().capacity() / 16 > self.own_done {
            let own = self.memory.own_mut();
            own.truncate(self.own_done);
            own.shrink_to(self.own_done);
            self.expected = 0;
        }
    }

    #[cold]
    pub(super) fn set_aside(&mut self) {
        let (slab, own) = self.memory.both_mut();
        let rest = slab
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        if let Some(message) = self.message.as_mut().filter(|message| message.in_slab) {
            // All of `rest` is payload that has been unmasked and checked.
            own.truncate(self.own_done);
            own.extend_from_slice(rest);
            self.own_done = own.len();
            message.in_slab = false;
        } else {
            // When the parser waits it has taken all payload of data frames: this is part of a header or
            // of a control frame (§5.5).
            debug_assert!(rest.len() < FrameHeader::MAX_SIZE + CONTROL_MAX);
            self.carry.extend_from_slice(rest);
        }
    }

    /// Bytes of heap that this connection holds now, a borrowed slab included.
    pub(crate) fn buffer_bytes(&self) -> usize {
        let decoder = self
            .decoder
            .as_ref()
            .map_or(0, |decoder| decoder.buffer_bytes());
        self.memory.slab().len() + self.memory.own().capacity() + self.carry.capacity() + decoder
    }

    pub(super) fn reads_large(&self) -> bool {
        (self.own_done >= LARGE || (self.expected > 0 && self.own_done > 0))
            && self.start == self.end
            && self.carry.is_empty()
            && self
                .message
                .is_some_and(|message| !message.compressed && !message.pieces)
            && self
                .frame
                .is_some_and(|frame| frame.remaining >= LARGE as u64)
    }

    #[cold]
    pub(super) fn large(&mut self) -> ReadBuf<'_> {
        let remaining = self.frame.map_or(0, |frame| frame.remaining);
        let own = self.memory.own_mut();
        if own.capacity() - self.own_done < LARGE {
            // Growing copies what has come, so room that was initialised is not kept.
            own.truncate(self.own_done);
            own.reserve_exact(ahead(self.own_done, remaining, self.expected));
        }
        let spare = own.capacity() - self.own_done;
        let limit = remaining.saturating_add(SURPLUS as u64).min(spare as u64) as usize;
        ReadBuf::Large(Spare::new(own, self.own_done, limit))
    }

    #[inline]
    fn acquire(&mut self) {
        *self.memory.slab_mut() = if self.bulk {
            pool::take_bulk()
        } else {
            pool::take_read()
        };
        self.start = 0;
        self.end = 0;
        if !self.carry.is_empty() {
            self.take_carry();
        }
    }

    /// Goes on in a larger slab.
    #[cold]
    fn enlarge(&mut self) {
        let mut slab = pool::take_bulk();
        let old = self.memory.slab_mut();
        let rest = old
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        self.start = 0;
        self.end = copy(rest, &mut slab);
        pool::give_read(core::mem::replace(old, slab));
    }

    /// Brings back what was kept aside, which always fits.
    #[cold]
    fn take_carry(&mut self) {
        self.end = copy(&self.carry, self.memory.slab_mut());
        self.carry = Vec::new();
    }

    #[cold]
    fn compact(&mut self) {
        self.memory
            .slab_mut()
            .copy_within(self.start as usize..self.end as usize, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Lends a message that the hot parser has found.
    #[inline(always)]
    pub(crate) fn plain(&self, item: Span) -> MessageRef<'_> {
        self.memory.plain(item)
    }

    /// Lends a message.
    #[inline]
    pub(crate) fn message(&mut self, item: Span) -> MessageRef<'_> {
        self.memory.message(item)
    }

    /// The bytes at the place of a token.
    #[inline]
    pub(crate) fn bytes(&self, item: Span) -> &[u8] {
        self.memory.bytes(item)
    }
}

/// How much room to make for the rest of a message of which `came` bytes have come: by what has come,
/// and by what the message before has proved the peer to send, not by what is announced.
pub(super) fn ahead(came: usize, remaining: u64, expected: u32) -> usize {
    remaining
        .saturating_add(SURPLUS as u64)
        .min((2 * came as u64).max(u64::from(expected))) as usize
}

/// Copies as much as fits; says how much.
fn copy(from: &[u8], to: &mut [u8]) -> u32 {
    let n = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n as u32
}
