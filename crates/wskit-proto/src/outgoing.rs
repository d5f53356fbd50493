use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::inbound::Memory;
use crate::message::{LentPayload, Message, MessageKind, MessageRef};
use crate::prepared::PreparedMessage;
use crate::text::Utf8Bytes;

/// A message to be queued in an [`Outbox`](crate::Outbox): every type that can be sent converts into it.
///
/// Borrowed data is copied into the send buffer (a client masks while it copies). Large owned data is
/// queued without a copy; a client masks it in place if there is no other reference to it.
#[must_use]
pub struct Outgoing<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) data: Data<'a>,
    /// Whether the message may be compressed, where compression was agreed on.
    pub(crate) compress: bool,
}

pub(crate) enum Data<'a> {
    Lent(&'a [u8]),
    Shared(Bytes),
    Own(Vec<u8>),
    /// The message that is lent from a buffer of its own, which is taken if it is to be kept.
    Assembled(&'a mut Memory),
    Prepared(&'a PreparedMessage),
}

impl core::fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Outgoing({:?}, {} bytes)", self.kind, self.len())
    }
}

impl<'a> Outgoing<'a> {
    const fn new(kind: MessageKind, data: Data<'a>) -> Self {
        Self {
            kind,
            data,
            compress: true,
        }
    }

    /// Sends this message uncompressed, even where compression was agreed on (RFC 7692 §6): for data
    /// that is compressed already, and for secrets beside text that an attacker chooses (§8).
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// Returns the size of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Lent(bytes) => bytes,
            Data::Shared(bytes) => bytes,
            Data::Own(bytes) => bytes,
            Data::Assembled(memory) => memory.assembled_message(),
            Data::Prepared(prepared) => prepared.as_bytes(),
        }
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a str> for Outgoing<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(MessageKind::Text, Data::Lent(text.as_bytes()))
    }
}

impl<'a> From<&'a String> for Outgoing<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_str())
    }
}

impl<'a> From<&'a [u8]> for Outgoing<'a> {
    fn from(data: &'a [u8]) -> Self {
        Self::new(MessageKind::Binary, Data::Lent(data))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Outgoing<'a> {
    fn from(data: &'a [u8; N]) -> Self {
        Self::from(data.as_slice())
    }
}

impl<'a> From<&'a Vec<u8>> for Outgoing<'a> {
    fn from(data: &'a Vec<u8>) -> Self {
        Self::from(data.as_slice())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Self::new(MessageKind::Text, Data::Own(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(data: Vec<u8>) -> Self {
        Self::new(MessageKind::Binary, Data::Own(data))
    }
}

impl From<Bytes> for Outgoing<'_> {
    fn from(data: Bytes) -> Self {
        Self::new(MessageKind::Binary, Data::Shared(data))
    }
}

impl From<Utf8Bytes> for Outgoing<'_> {
    fn from(text: Utf8Bytes) -> Self {
        Self::new(MessageKind::Text, Data::Shared(text.into_bytes()))
    }
}

impl From<Box<str>> for Outgoing<'_> {
    fn from(text: Box<str>) -> Self {
        Self::from(String::from(text))
    }
}

impl<'a> From<Cow<'a, str>> for Outgoing<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl<'a> From<Cow<'a, [u8]>> for Outgoing<'a> {
    fn from(data: Cow<'a, [u8]>) -> Self {
        match data {
            Cow::Borrowed(data) => Self::from(data),
            Cow::Owned(data) => Self::from(data),
        }
    }
}

/// Queues the text without a copy if it is large.
impl From<Arc<str>> for Outgoing<'_> {
    fn from(text: Arc<str>) -> Self {
        Self::new(MessageKind::Text, Data::Shared(shared(text.into())))
    }
}

impl<'a> From<&'a Arc<str>> for Outgoing<'a> {
    fn from(text: &'a Arc<str>) -> Self {
        Self::from(&**text)
    }
}

/// Queues the bytes without a copy if they are many.
impl From<Arc<[u8]>> for Outgoing<'_> {
    fn from(data: Arc<[u8]>) -> Self {
        Self::new(MessageKind::Binary, Data::Shared(shared(data)))
    }
}

impl<'a> From<&'a Arc<[u8]>> for Outgoing<'a> {
    fn from(data: &'a Arc<[u8]>) -> Self {
        Self::from(&**data)
    }
}

impl From<Box<[u8]>> for Outgoing<'_> {
    fn from(data: Box<[u8]>) -> Self {
        Self::from(Vec::from(data))
    }
}

impl<const N: usize> From<[u8; N]> for Outgoing<'_> {
    fn from(data: [u8; N]) -> Self {
        Self::from(Vec::from(data))
    }
}

/// Shares a large payload by reference count, and copies a small one.
impl From<&Bytes> for Outgoing<'_> {
    fn from(data: &Bytes) -> Self {
        Self::from(data.clone())
    }
}

/// Shares a large payload by reference count, and copies a small one.
impl From<&Utf8Bytes> for Outgoing<'_> {
    fn from(text: &Utf8Bytes) -> Self {
        Self::from(text.clone())
    }
}

impl From<Message> for Outgoing<'_> {
    fn from(message: Message) -> Self {
        Self::new(message.kind(), Data::Shared(message.into_data()))
    }
}

/// Shares a large payload by reference count, and copies a small one.
impl<'a> From<&'a Message> for Outgoing<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => {
                Self::new(MessageKind::Text, Data::Shared(text.as_bytes().clone()))
            }
            Message::Binary(data) => Self::new(MessageKind::Binary, Data::Shared(data.clone())),
        }
    }
}

/// Sends a received message back: copied if it lies in the read buffer, moved if it has a buffer of its
/// own.
impl<'a> From<MessageRef<'a>> for Outgoing<'a> {
    #[inline]
    fn from(message: MessageRef<'a>) -> Self {
        let (kind, payload) = message.into_parts();
        let data = match payload {
            LentPayload::Slab(bytes) => Data::Lent(bytes),
            LentPayload::Assembled(memory) => Data::Assembled(memory.revoked()),
        };
        Self::new(kind, data)
    }
}

impl<'a> From<&'a PreparedMessage> for Outgoing<'a> {
    fn from(prepared: &'a PreparedMessage) -> Self {
        Self::new(prepared.kind(), Data::Prepared(prepared))
    }
}

/// Returns bytes that share `data`. Few are copied instead: their handle would be as large.
fn shared(data: Arc<[u8]>) -> Bytes {
    if data.len() <= 64 {
        Bytes::copy_from_slice(&data)
    } else {
        Bytes::from_owner(data)
    }
}
