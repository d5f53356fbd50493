//! The memory that received bytes lie in, and what of it may be lent as text.
//!
//! The one place that says so. Every way to write to a buffer takes back what was lent of it first,
//! and lending ends every borrow that could write: a text that is lent is the bytes that were checked.

use wskit_frame::is_utf8;

use super::Span;
use crate::message::{MessageKind, MessageRef, Payload};
use crate::pool::Slab;

/// The two buffers of a receiver.
#[derive(Default)]
pub(super) struct Memory {
    slab: Slab,
    own: Vec<u8>,
    /// The message handed out last, while its bytes still lie where they were; binary data in the slab
    /// is not looked at.
    lent: Lent,
    /// Where in the slab that lies.
    place: (u32, u32),
}

/// Which message is lent. One byte, as it is written for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Lent {
    #[default]
    Nothing,
    /// Text in the slab.
    Slab,
    /// All of the own buffer.
    Own(MessageKind),
}

impl Memory {
    #[inline(always)]
    pub(super) fn slab(&self) -> &[u8] {
        &self.slab
    }

    /// The slab to write to, or to replace.
    #[inline(always)]
    pub(super) fn slab_mut(&mut self) -> &mut Slab {
        self.lent = Lent::Nothing;
        &mut self.slab
    }

    pub(super) fn own(&self) -> &Vec<u8> {
        &self.own
    }

    /// The own buffer to write to, or to replace. What is lent from the slab stays.
    pub(super) fn own_mut(&mut self) -> &mut Vec<u8> {
        if matches!(self.lent, Lent::Own(_)) {
            self.lent = Lent::Nothing;
        }
        &mut self.own
    }

    /// Both buffers to write to.
    pub(super) fn both_mut(&mut self) -> (&mut Slab, &mut Vec<u8>) {
        self.lent = Lent::Nothing;
        (&mut self.slab, &mut self.own)
    }

    /// From now on this token stands for its bytes: a text in the slab, which has been validated.
    #[inline(always)]
    pub(super) fn lend_text(&mut self, item: Span) {
        self.lent = Lent::Slab;
        self.place = (item.from, item.to);
        debug_assert!(!item.own && is_utf8(self.bytes(item)));
    }

    /// The same for any message, which has been validated if it is text.
    pub(super) fn lend(&mut self, item: Span) {
        if item.own {
            self.lent = Lent::Own(item.kind);
            debug_assert!(item.kind == MessageKind::Binary || is_utf8(&self.own));
        } else if item.kind == MessageKind::Text {
            self.lend_text(item);
        }
    }

    /// The message that a token stands for. What is lent no more is empty, except binary data in the
    /// slab, which is whatever lies there.
    pub(super) fn message(&mut self, item: Span) -> MessageRef<'_> {
        if item.own && self.lent == Lent::Own(item.kind) {
            // Who takes the buffer along leaves an empty one, which is a text as well.
            return MessageRef::new(item.kind, Payload::Own(&mut self.own));
        }
        self.plain(item)
    }

    /// The same, for a message in the slab only.
    #[inline(always)]
    pub(super) fn plain(&self, item: Span) -> MessageRef<'_> {
        let is_lent = match item.kind {
            MessageKind::Text => self.lent == Lent::Slab && self.place == (item.from, item.to),
            MessageKind::Binary => true,
        };
        let bytes = if is_lent { self.in_slab(item) } else { &[] };
        MessageRef::new(item.kind, Payload::Lent(bytes))
    }

    /// The bytes at the place of a token, of a message or of a piece. They need not be text.
    pub(super) fn bytes(&self, item: Span) -> &[u8] {
        if item.own {
            &self.own
        } else {
            self.in_slab(item)
        }
    }

    #[inline(always)]
    fn in_slab(&self, item: Span) -> &[u8] {
        self.slab
            .get(item.from as usize..item.to as usize)
            .unwrap_or_default()
    }
}
