//! The memory that received bytes lie in, and what of it may be lent.
//!
//! The one place that says which bytes a token stands for. Every way to write to a buffer takes back
//! what was lent of it first, and lending ends every borrow that could write: so a token shows the
//! bytes that were checked, or none.

use super::Item;
use crate::message::{MessageKind, MessageRef, Payload};
use crate::pool::Slab;

/// The two buffers of a receiver.
#[derive(Default)]
pub(super) struct Memory {
    slab: Slab,
    own: Vec<u8>,
    /// What was handed out last, while its bytes still lie where they were.
    lent: Option<Lent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Lent {
    item: Item,
    /// A whole message: if it is text, its bytes have been validated as a whole.
    whole: bool,
}

impl Memory {
    #[inline(always)]
    pub(super) fn slab(&self) -> &[u8] {
        &self.slab
    }

    /// The slab to write to, or to replace.
    #[inline(always)]
    pub(super) fn slab_mut(&mut self) -> &mut Slab {
        self.lent = None;
        &mut self.slab
    }

    pub(super) fn own(&self) -> &Vec<u8> {
        &self.own
    }

    /// The own buffer to write to, or to replace. What is lent from the slab stays.
    pub(super) fn own_mut(&mut self) -> &mut Vec<u8> {
        if self.lent.is_some_and(|lent| lent.item.own) {
            self.lent = None;
        }
        &mut self.own
    }

    /// Both buffers to write to.
    pub(super) fn both_mut(&mut self) -> (&mut Slab, &mut Vec<u8>) {
        self.lent = None;
        (&mut self.slab, &mut self.own)
    }

    /// From now on this token stands for its bytes: a whole message, which has been validated if it is
    /// text.
    #[inline(always)]
    pub(super) fn lend(&mut self, item: Item) {
        self.lent = Some(Lent { item, whole: true });
        debug_assert!(item.kind == MessageKind::Binary || wskit_frame::is_utf8(self.bytes(item)));
    }

    /// The same for a piece, which need not be text by itself.
    pub(super) fn lend_piece(&mut self, item: Item) {
        self.lent = Some(Lent { item, whole: false });
    }

    /// The message that a token stands for; empty if it is not the latest, or bytes have been read or
    /// parsed since.
    #[inline]
    pub(super) fn message(&mut self, item: Item) -> MessageRef<'_> {
        if item.own && self.is_lent(item) {
            // Taking the buffer leaves an empty text.
            return MessageRef::new(item.kind, Payload::Own(&mut self.own));
        }
        self.plain(item)
    }

    /// The same without the right to take the own buffer.
    #[inline]
    pub(super) fn plain(&self, item: Item) -> MessageRef<'_> {
        let bytes = if self.is_lent(item) {
            self.bytes(item)
        } else {
            &[]
        };
        MessageRef::new(item.kind, Payload::Lent(bytes))
    }

    /// The bytes that a token stands for, as a message or a piece.
    pub(super) fn piece(&self, item: Item) -> &[u8] {
        if self.lent.is_some_and(|lent| lent.item == item) {
            self.bytes(item)
        } else {
            &[]
        }
    }

    #[inline]
    fn is_lent(&self, item: Item) -> bool {
        self.lent == Some(Lent { item, whole: true })
    }

    #[inline]
    fn bytes(&self, item: Item) -> &[u8] {
        if item.own {
            &self.own
        } else {
            self.slab
                .get(item.from as usize..item.to as usize)
                .unwrap_or_default()
        }
    }
}
