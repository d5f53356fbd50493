//! The memory that received bytes lie in, and which of it may be lent as text.
//!
//! Only this file decides that. Every method that gives a buffer to write to first revokes what was
//! lent of it, and lending ends every borrow that could write: a text that is lent is the bytes that
//! were checked.

use wskit_frame::is_utf8;

use super::Span;
use crate::message::{LentPayload, MessageKind, MessageRef, Taken};
use crate::pool::Slab;

/// The two buffers of a receiving half.
#[derive(Default)]
pub(crate) struct Memory {
    slab: Slab,
    assembled: Vec<u8>,
    /// Where in the assembled buffer the message begins: behind its header, if that was read into it.
    head: u8,
    /// Which message is lent, while its bytes still lie where they were; binary data in the slab is
    /// not tracked.
    lent: Lent,
    /// Where in the slab that message lies, and its length.
    place: (u32, u32),
}

/// Which message is lent. One byte, as it is written for each message.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Lent {
    #[default]
    Nothing,
    /// Text in the slab.
    Slab,
    /// All of the assembled buffer, from the head on.
    Assembled(MessageKind),
}

impl Memory {
    #[inline(always)]
    pub(super) fn slab(&self) -> &[u8] {
        &self.slab
    }

    /// Returns the slab to write to, or to replace.
    #[inline(always)]
    pub(super) fn slab_mut(&mut self) -> &mut Slab {
        self.lent = Lent::Nothing;
        &mut self.slab
    }

    pub(super) fn assembled(&self) -> &Vec<u8> {
        &self.assembled
    }

    /// Returns the assembled buffer to write to, or to replace. A text lent from the slab stays lent.
    pub(super) fn assembled_mut(&mut self) -> &mut Vec<u8> {
        if matches!(self.lent, Lent::Assembled(_)) {
            self.lent = Lent::Nothing;
        }
        &mut self.assembled
    }

    /// Returns both buffers to write to.
    pub(super) fn both_mut(&mut self) -> (&mut Slab, &mut Vec<u8>) {
        self.lent = Lent::Nothing;
        (&mut self.slab, &mut self.assembled)
    }

    /// Empties the assembled buffer for a message that begins at its start.
    pub(super) fn begin_assembled(&mut self) {
        self.assembled_mut().clear();
        self.head = 0;
    }

    /// Replaces the assembled buffer by one in which a message begins at `head`.
    pub(super) fn set_assembled(&mut self, assembled: Vec<u8>, head: u8) {
        *self.assembled_mut() = assembled;
        self.head = head;
    }

    /// Returns the message in the assembled buffer.
    pub(crate) fn assembled_message(&self) -> &[u8] {
        self.assembled.get(self.head()..).unwrap_or_default()
    }

    /// Takes the assembled buffer with its message, unless it is more than twice as large: a kept message
    /// of 9 KiB must not pin the 64 KiB of the message before.
    pub(crate) fn take_message(&mut self) -> Taken<'_> {
        if self.assembled.capacity() / 2 <= self.assembled.len() {
            Taken::Own(core::mem::take(&mut self.assembled), self.head())
        } else {
            Taken::Lent(self.assembled_message())
        }
    }

    /// Lends the message no more, because it is given to be sent. The write also keeps the compiler from
    /// joining this with the path of a message in the slab, which costs that one some instructions.
    #[inline(always)]
    pub(crate) fn revoked(&mut self) -> &mut Self {
        self.lent = Lent::Nothing;
        self
    }

    /// Returns where in the assembled buffer the message begins.
    pub(super) fn head(&self) -> usize {
        usize::from(self.head)
    }

    /// Lends a text in the slab, which has been validated.
    #[inline(always)]
    pub(super) fn lend_text(&mut self, span: Span) {
        self.lent = Lent::Slab;
        self.place = (span.from, span.len);
        debug_assert!(!span.assembled && is_utf8(self.bytes(span)));
    }

    /// Lends a message, which has been validated if it is text.
    pub(super) fn lend(&mut self, span: Span) {
        if span.assembled {
            self.lent = Lent::Assembled(span.kind);
            debug_assert!(span.kind == MessageKind::Binary || is_utf8(self.bytes(span)));
        } else if span.kind == MessageKind::Text {
            self.lend_text(span);
        }
    }

    /// Returns the message of a span. One that is no longer lent is empty, except binary data in the
    /// slab, which is whatever lies there.
    pub(super) fn message(&mut self, span: Span) -> MessageRef<'_> {
        if span.assembled && self.lent == Lent::Assembled(span.kind) {
            // A caller that takes the buffer leaves an empty one, which is valid text as well.
            return MessageRef::new(span.kind, LentPayload::Assembled(self));
        }
        self.in_slab_message(span)
    }

    /// Returns the message of a span if it lies in the slab; otherwise an empty one.
    #[inline(always)]
    pub(super) fn in_slab_message(&self, span: Span) -> MessageRef<'_> {
        let is_lent = match span.kind {
            MessageKind::Text => self.lent == Lent::Slab && self.place == (span.from, span.len),
            MessageKind::Binary => true,
        };
        let bytes = if is_lent { self.in_slab(span) } else { &[] };
        MessageRef::new(span.kind, LentPayload::Slab(bytes))
    }

    /// Returns the bytes of a span, of a message or of a piece. They need not be text.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        if span.assembled {
            self.assembled_message()
        } else {
            self.in_slab(span)
        }
    }

    #[inline(always)]
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "the sum of two u32 fits; its check would be made for each message"
    )]
    fn in_slab(&self, span: Span) -> &[u8] {
        let (from, len) = (span.from as usize, span.len as usize);
        self.slab.get(from..from + len).unwrap_or_default()
    }
}
