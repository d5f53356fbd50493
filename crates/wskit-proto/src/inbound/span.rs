use crate::message::MessageKind;

/// How messages are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Whole messages. A message that is fragmented, compressed or large is assembled first.
    #[default]
    Whole,
    /// Pieces as they come, even inside a frame, in memory that does not grow with the message.
    Pieces,
}

/// Where a message, or a piece of one, lies: in the read buffer, or in the buffer in which it was
/// assembled.
///
/// A span borrows nothing. [`Inbound`](crate::Inbound) turns it into a reference once the caller
/// needs the connection for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(super) from: u32,
    pub(super) len: u32,
    pub(super) kind: MessageKind,
    /// Whether this is all of the assembled buffer, not a range of the slab.
    pub(super) assembled: bool,
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Span {
    /// A whole message in the slab.
    #[inline(always)]
    pub(super) const fn whole(from: u32, to: u32, kind: MessageKind) -> Self {
        Self {
            from,
            len: to.wrapping_sub(from),
            kind,
            assembled: false,
            first: true,
            last: true,
        }
    }

    /// Returns whether the message is text or binary.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns whether the message begins here.
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Returns whether the message ends here.
    pub const fn is_last(&self) -> bool {
        self.last
    }
}
