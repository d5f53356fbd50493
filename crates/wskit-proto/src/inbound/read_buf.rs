//! Which memory the next bytes are read into, and when it is given back.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within buffers; what is taken was compared with what is there"
)]

use wskit_frame::{CONTROL_MAX, FrameHeader, Parsed};

use super::payload::check;
use super::{Delivery, Frame, Inbound, Spare};
use crate::pool::{self, LARGE_SLAB, READ_SLAB};

/// Where to read to; see [`Connection::read_buf`](crate::Connection::read_buf).
#[derive(Debug)]
pub enum ReadBuf<'a> {
    /// The read buffer, into which any number of frames fit: the common case.
    Slab(&'a mut [u8]),
    /// A large message, which is read straight into its own buffer: the middle of one, or where one is
    /// expected, all of it with its header.
    Large(Spare<'a>),
}

/// How far the assembled buffer is filled, and how large the next message may be.
#[derive(Default)]
pub(super) struct Assembly {
    /// Bytes of the message that are unmasked and checked, with those of its header in front of it. Behind
    /// them is initialised room to read to.
    pub(super) len: usize,
    /// Whether the buffer is lent until the next look at the input.
    pub(super) lent: bool,
    /// How much is read at once where the next message may be as large as the latest, its header
    /// and a little more included. 0 when the latest was small.
    pub(super) expected: u32,
    /// Whether a read between messages has found no such message since.
    pub(super) expected_missed: bool,
}

/// From this size on, a message is read straight into its assembled buffer.
pub(super) const LARGE: usize = 8 << 10;
/// Room behind the end of a large message, in bytes. A read that asks for more than the message comes
/// back short, which tells the runtime, without another call, that the socket is empty.
pub(super) const SURPLUS: usize = 1 << 10;
/// Where part of the header of a large message has come, the next read brings this much: the rest of
/// the header, and little of the payload, which has to be copied.
const FIRST: usize = 1 << 10;
/// Text is validated, and compressed data decompressed, in blocks that stay in the L1 cache.
pub(super) const BLOCK: usize = 16 << 10;

impl Inbound {
    /// Returns where the next read goes; never empty. A buffer is taken from this thread's pool if none
    /// is held. Call it only after [`next`](Inbound::next) has returned `None`.
    #[inline]
    pub fn read_buf(&mut self) -> ReadBuf<'_> {
        if self.is_fresh() {
            return ReadBuf::Slab(self.whole_slab());
        }
        self.read_buf_within()
    }

    /// Whether nothing waits to be parsed, and the usual read buffer is the right one.
    #[inline(always)]
    fn is_fresh(&self) -> bool {
        self.has_no_input() && !self.large_slab && self.assembly.expected == 0
    }

    #[inline(always)]
    fn whole_slab(&mut self) -> &mut [u8] {
        self.start = 0;
        self.end = 0;
        let slab = self.memory.slab_mut();
        if slab.is_empty() {
            *slab = pool::take_read();
        }
        slab
    }

    #[inline(never)]
    fn read_buf_within(&mut self) -> ReadBuf<'_> {
        if self.reads_large() {
            return self.large();
        }
        if self.expects_large() {
            return self.expected();
        }
        if self.memory.slab().is_empty() {
            self.acquire();
        } else if self.large_slab && self.memory.slab().len() == READ_SLAB {
            self.enlarge();
        } else if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.end as usize > self.memory.slab().len() / 2 {
            self.compact();
        }
        let end = self.end as usize;
        let room = self.memory.slab_mut().get_mut(end..).unwrap_or_default();
        if self.assembly.expected > 0
            && self.fast.is_enabled()
            && self.delivery == Delivery::Whole
            && room.len() > FIRST
        {
            return ReadBuf::Slab(room.get_mut(..FIRST).unwrap_or_default());
        }
        ReadBuf::Slab(room)
    }

    /// Returns where the next read goes if that is the whole read buffer, because nothing waits to be parsed and
    /// no large message is expected; else ask [`read_buf`](Inbound::read_buf).
    #[inline(always)]
    pub fn fresh_buf(&mut self) -> Option<&mut [u8]> {
        if self.is_fresh() {
            Some(self.whole_slab())
        } else {
            None
        }
    }

    /// Reports that `n` bytes were read into what [`fresh_buf`](Inbound::fresh_buf) has returned.
    #[inline(always)]
    pub fn filled_fresh(&mut self, n: usize) {
        if n >= self.memory.slab().len() {
            return self.filled(n);
        }
        self.activity.heard |= n > 0;
        self.counters.received_bytes(n);
        self.drained = false;
        self.end = n as u32;
    }

    /// Gives back what [`fresh_buf`](Inbound::fresh_buf) has returned, if nothing could be read: what
    /// [`release`](Inbound::release) does then.
    #[inline(always)]
    pub fn release_fresh(&mut self) {
        pool::give_read(core::mem::take(self.memory.slab_mut()));
    }

    /// Reports that `n` bytes were read into [`ReadBuf::Slab`].
    #[inline]
    pub fn filled(&mut self, n: usize) {
        // More than there was room for is the caller's mistake: bytes that do not fit have not come.
        let len = self.memory.slab().len();
        let n = n.min(len.saturating_sub(self.end as usize));
        self.activity.heard |= n > 0;
        self.counters.received_bytes(n);
        self.drained = false;
        let end = self.end as usize + n;
        self.end = end as u32;
        if self.assembly.expected > 0
            && self.fast.is_enabled()
            && core::mem::replace(&mut self.assembly.expected_missed, true)
        {
            // The first read after a large message found no other.
            self.assembly.expected = 0;
        }
        if end == len {
            self.large_slab = true;
        } else if self.large_slab && end <= READ_SLAB {
            self.large_slab = false;
        }
        if self.ended {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Reports that `n` bytes were read into [`ReadBuf::Large`]; unmasks and checks them.
    ///
    /// Returns how many of them belong to a large message. Such bytes are little work, those of small
    /// messages behind it, or in its place, are as much as any.
    pub fn filled_large(&mut self, n: usize) -> usize {
        let head = if self.expects_large() {
            match self.begin_expected(n) {
                Some(head) => head,
                None => return 0,
            }
        } else {
            0
        };
        head + self.filled_message(n.saturating_sub(head))
    }

    /// Takes the header of an expected large message, which has come in front of its assembled buffer.
    /// Returns its size. If something else has come, it moves to the slab.
    fn begin_expected(&mut self, n: usize) -> Option<usize> {
        let mut buffer = core::mem::take(self.memory.assembled_mut());
        let bytes = buffer.get(..n).unwrap_or(&buffer);
        let n = bytes.len();
        let parsed = FrameHeader::parse(bytes, self.rules(bytes));
        if let Ok(Parsed::Header { header, size }) = parsed {
            let whole = (size as u64).saturating_add(header.len);
            let is_large = !header.opcode.is_control()
                && !header.rsv1
                && header.len >= LARGE as u64
                && (n as u64).saturating_sub(whole) <= READ_SLAB as u64;
            // The full parser sees what breaks a rule once more, and names it.
            if is_large && self.begin(&header).is_ok() {
                self.fast.enable(false);
                if let Some(message) = self.message.as_mut() {
                    message.in_slab = false;
                }
                self.memory.set_assembled(buffer, size as u8);
                self.assembly.len = size;
                self.counters.received_bytes(size);
                return Some(size);
            }
        }
        let slab = self.memory.slab_mut();
        if slab.len() < n {
            pool::give_read(core::mem::take(slab));
            *slab = if n <= READ_SLAB {
                pool::take_read()
            } else if n <= LARGE_SLAB {
                pool::take_large_slab()
            } else {
                buffer.truncate(n);
                core::mem::take(&mut buffer).into_boxed_slice()
            };
        }
        self.start = 0;
        self.end = 0;
        copy(buffer.get(..n).unwrap_or_default(), slab);
        pool::give_large(buffer);
        self.filled(n);
        if matches!(parsed, Ok(Parsed::Incomplete { .. })) {
            // It may become the header of a large message.
            self.assembly.expected_missed = false;
        }
        None
    }

    /// Takes bytes of a large message in its assembled buffer, and returns how many they are. Those of
    /// the next frame move to the slab.
    fn filled_message(&mut self, n: usize) -> usize {
        let (Some(frame), Some(message)) = (self.frame, self.message) else {
            return 0;
        };
        if !self.reads_large() {
            return 0;
        }
        self.drained = false;
        let (slab, assembled) = self.memory.both_mut();
        let end = self.assembly.len.saturating_add(n).min(assembled.len());
        let new = assembled
            .get_mut(self.assembly.len..end)
            .unwrap_or_default();
        self.activity.heard |= !new.is_empty();
        self.counters.received_bytes(new.len());
        let came = (new.len() as u64).min(frame.remaining);
        // The next frame begins behind the end of this one.
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
            if check(&mut self.utf8, message.kind, mask.as_mut(), block).is_err() {
                self.invalid_text = true;
                self.fast.enable(false);
                break;
            }
        }
        self.assembly.len += came as usize;
        self.frame = Some(Frame {
            mask,
            remaining: frame.remaining - came,
            ..frame
        });
        came as usize
    }

    /// Gives the read buffer back: there is nothing more to read for now.
    ///
    /// The part of an unfinished frame in it moves to a buffer of just that size, so that a peer which
    /// stalls inside a frame holds no more than it has sent. A buffer that may hold more events stays.
    #[inline(always)]
    pub fn release(&mut self) {
        if self.memory.assembled().capacity() > 0 {
            self.release_assembled();
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

    #[cold]
    fn release_assembled(&mut self) {
        if self.message.is_some() {
            self.shrink_assembled();
        } else if !self.assembly.lent {
            self.give_assembled();
        }
    }

    /// Gives up room that was made because a large message was expected, if next to nothing of the
    /// message has come, or if it needs less than half of it.
    fn shrink_assembled(&mut self) {
        let capacity = self.memory.assembled().capacity();
        let came = self.assembly.len;
        let ends_early = self.frame.is_some_and(|frame| {
            frame.fin && (came as u64).saturating_add(frame.remaining) < capacity as u64 / 2
        });
        if capacity / 16 > came || (ends_early && capacity > READ_SLAB) {
            let assembled = self.memory.assembled_mut();
            let came = assembled.get(..came).unwrap_or_default().to_vec();
            pool::give_large(core::mem::replace(assembled, came));
            self.assembly.expected = 0;
        }
    }

    /// Gives the assembled buffer back, which has nothing in it that is still wanted.
    #[cold]
    pub(super) fn give_assembled(&mut self) {
        pool::give_large(core::mem::take(self.memory.assembled_mut()));
    }

    /// Moves the unparsed bytes out of the slab.
    #[cold]
    fn set_aside(&mut self) {
        let (slab, assembled) = self.memory.both_mut();
        let rest = slab
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        if let Some(message) = self.message.as_mut().filter(|message| message.in_slab) {
            // All of `rest` is payload that has been unmasked and checked.
            assembled.truncate(self.assembly.len);
            assembled.extend_from_slice(rest);
            self.assembly.len = assembled.len();
            message.in_slab = false;
        } else {
            // A parser that waits has taken all payload of data frames: this is part of a header or of a
            // control frame (§5.5).
            debug_assert!(rest.len() < FrameHeader::MAX_SIZE + CONTROL_MAX);
            *self.partial = Some(Box::new(rest.to_vec()));
            self.look_again();
        }
    }

    /// Takes the bytes that have come and belong to no event yet, to go on with the stream in another way.
    /// `None` inside a message or a frame of one, part of which has been parsed.
    pub fn take_unparsed(&mut self) -> Option<Vec<u8>> {
        if self.frame.is_some() || self.message.is_some() || self.invalid_text {
            return None;
        }
        let mut bytes = self
            .partial
            .take()
            .map_or_else(Vec::new, |partial| *partial);
        let rest = self.start as usize..self.end as usize;
        bytes.extend_from_slice(self.memory.slab().get(rest).unwrap_or_default());
        self.start = 0;
        self.end = 0;
        Some(bytes)
    }

    /// Returns whether much of an unfinished message has come: a buffer is filled that the next message of
    /// any connection on this thread may use.
    pub fn is_mid_large(&self) -> bool {
        self.message.is_some_and(|message| !message.in_slab) && self.assembly.len >= LARGE
    }

    fn reads_large(&self) -> bool {
        (self.assembly.len >= LARGE || (self.assembly.expected > 0 && self.assembly.len > 0))
            && self.start == self.end
            && self.partial.is_none()
            && self
                .message
                .is_some_and(|message| !message.compressed && !message.pieces)
            && self
                .frame
                .is_some_and(|frame| frame.remaining >= LARGE as u64)
    }

    /// Whether a large message is read from its header on.
    pub(super) fn expects_large(&self) -> bool {
        self.assembly.expected > 0 && self.delivery == Delivery::Whole && self.has_no_input()
    }

    #[cold]
    fn expected(&mut self) -> ReadBuf<'_> {
        let room = self.assembly.expected as usize;
        let assembled = self.memory.assembled_mut();
        if assembled.capacity() < room {
            *assembled = pool::take_large(room);
        }
        self.assembly.len = 0;
        ReadBuf::Large(Spare::new(assembled, 0, room))
    }

    #[cold]
    fn large(&mut self) -> ReadBuf<'_> {
        let remaining = self.frame.map_or(0, |frame| frame.remaining);
        let assembled = self.memory.assembled_mut();
        if assembled.capacity() - self.assembly.len < LARGE {
            // Growing copies what has come, so room that was initialised is not kept.
            assembled.truncate(self.assembly.len);
            assembled.reserve_exact(ahead(self.assembly.len, remaining, self.assembly.expected));
        }
        let spare = assembled.capacity() - self.assembly.len;
        let limit = remaining.saturating_add(SURPLUS as u64).min(spare as u64) as usize;
        ReadBuf::Large(Spare::new(assembled, self.assembly.len, limit))
    }

    #[inline]
    fn acquire(&mut self) {
        *self.memory.slab_mut() = if self.large_slab {
            pool::take_large_slab()
        } else {
            pool::take_read()
        };
        self.start = 0;
        self.end = 0;
        if let Some(partial) = self.partial.take() {
            self.take_partial(&partial);
        }
    }

    /// Moves the unparsed bytes to a larger slab.
    #[cold]
    fn enlarge(&mut self) {
        let mut slab = pool::take_large_slab();
        let old = self.memory.slab_mut();
        let rest = old
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        self.start = 0;
        self.end = copy(rest, &mut slab);
        pool::give_read(core::mem::replace(old, slab));
    }

    /// Brings back the bytes that were set aside, which always fit.
    #[cold]
    fn take_partial(&mut self, partial: &[u8]) {
        self.end = copy(partial, self.memory.slab_mut());
        self.look_again();
    }

    #[cold]
    fn compact(&mut self) {
        self.memory
            .slab_mut()
            .copy_within(self.start as usize..self.end as usize, 0);
        self.end -= self.start;
        self.start = 0;
    }
}

/// Returns how much room to make for the rest of a message of which `came` bytes have come. It follows
/// what has come, and what the message before has proved the peer to send, not what is announced.
pub(super) fn ahead(came: usize, remaining: u64, expected: u32) -> usize {
    remaining
        .saturating_add(SURPLUS as u64)
        .min((2 * came as u64).max(u64::from(expected))) as usize
}

/// Copies as much as fits and returns how much.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> u32 {
    let n = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n as u32
}
