use bytes::Bytes;

use crate::message::MessageKind;
use crate::outgoing::{Data, Outgoing};
use crate::prepared::PreparedMessage;

/// An owned message that is to be sent later, neither encoded nor compressed.
///
/// Use it to reorder or drop messages before they go into an [`Outbox`](crate::Outbox). Encoded frames
/// cannot be reordered (a compressed one refers to those before it, RFC 7692 §7.1.1), and encoding a
/// message that is dropped would be wasted work.
///
/// ```
/// use wskit_proto::{QueuedMessage, Outgoing};
/// let mut later = QueuedMessage::from(Outgoing::from("tick"));
/// assert_eq!(later.len(), 4);
/// assert_eq!(later.outgoing().len(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct QueuedMessage {
    kind: MessageKind,
    data: Kept,
    compress: bool,
}

#[derive(Clone, Debug)]
enum Kept {
    Shared(Bytes),
    Prepared(PreparedMessage),
}

impl QueuedMessage {
    /// Returns the size of the payload in bytes.
    pub fn len(&self) -> usize {
        match &self.data {
            Kept::Shared(bytes) => bytes.len(),
            Kept::Prepared(prepared) => prepared.len(),
        }
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the message to feed it. The payload is moved out, and an empty message stays here.
    pub fn outgoing(&mut self) -> Outgoing<'_> {
        let data = match &mut self.data {
            // Moved, not shared: a client masks in place if there is no other reference.
            Kept::Shared(bytes) => Data::Shared(core::mem::take(bytes)),
            Kept::Prepared(prepared) => Data::Prepared(prepared),
        };
        Outgoing {
            kind: self.kind,
            data,
            compress: self.compress,
        }
    }
}

/// Copies borrowed data, and keeps everything else without a copy, prepared messages by reference.
impl From<Outgoing<'_>> for QueuedMessage {
    fn from(message: Outgoing<'_>) -> Self {
        let data = match message.data {
            Data::Lent(bytes) => Kept::Shared(Bytes::copy_from_slice(bytes)),
            Data::Shared(bytes) => Kept::Shared(bytes),
            Data::Own(bytes) => Kept::Shared(bytes.into()),
            Data::Assembled(memory) => Kept::Shared(memory.take_message().into_bytes()),
            Data::Prepared(prepared) => Kept::Prepared(prepared.clone()),
        };
        Self {
            kind: message.kind,
            data,
            compress: message.compress,
        }
    }
}
