use core::fmt;
use core::str::Utf8Error;
use std::borrow::Cow;

use bytes::{Buf, Bytes};
use wskit_frame::OpCode;

use crate::inbound::Memory;
use crate::text::{Utf8Bytes, validated_str};

/// Whether a message is text or binary (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes whose meaning the application defines.
    Binary,
}

impl MessageKind {
    pub(crate) const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::Text,
            Self::Binary => OpCode::Binary,
        }
    }
}

/// An owned message: keep it, send it, hand it to another task.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// UTF-8 text, validated.
    Text(Utf8Bytes),
    /// Opaque bytes.
    Binary(Bytes),
}

impl Message {
    /// Creates a text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// Creates a binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self::Binary(data.into())
    }

    /// Returns whether this is text or binary.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Returns whether this is text.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Returns whether this is binary.
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Returns the text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Returns the payload as text: that of a text message, and that of a binary message if it is UTF-8.
    ///
    /// # Errors
    /// The first byte at which a binary message is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) => core::str::from_utf8(data),
        }
    }

    /// Returns the payload as text, without copying: that of a text message, and that of a binary message
    /// if it is UTF-8.
    ///
    /// # Errors
    /// The first byte at which a binary message is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Utf8Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) => Utf8Bytes::try_from(data)
                .or_else(|data| core::str::from_utf8(&data).map(Utf8Bytes::from)),
        }
    }

    /// Returns the payload of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// Returns the payload of either kind, without copying.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// Returns the size of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message lent by the connection until the next call; nothing was allocated for it.
///
/// Read it, answer it, or keep it with [`into_owned`](MessageRef::into_owned).
pub struct MessageRef<'a> {
    kind: MessageKind,
    payload: LentPayload<'a>,
}

/// Where a lent message lies.
pub(crate) enum LentPayload<'a> {
    /// In the read buffer, which a kept message must not pin: owning it means copying.
    Slab(&'a [u8]),
    /// In a buffer of its own (it was large or came in fragments): owning it means taking the buffer.
    Assembled(&'a mut Memory),
}

/// A message with its buffer, or one that stays where it is.
pub(crate) enum Taken<'a> {
    Lent(&'a [u8]),
    /// A buffer, and where in it the message begins.
    Own(Vec<u8>, usize),
}

impl Taken<'_> {
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Lent(bytes) => Bytes::copy_from_slice(bytes),
            Self::Own(buffer, from) => {
                let mut bytes = Bytes::from(buffer);
                bytes.advance(from.min(bytes.len()));
                bytes
            }
        }
    }
}

impl<'a> MessageRef<'a> {
    pub(crate) const fn new(kind: MessageKind, payload: LentPayload<'a>) -> Self {
        Self { kind, payload }
    }

    pub(crate) fn into_parts(self) -> (MessageKind, LentPayload<'a>) {
        (self.kind, self.payload)
    }

    /// Returns whether this is text or binary.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns whether this is text.
    pub const fn is_text(&self) -> bool {
        matches!(self.kind, MessageKind::Text)
    }

    /// Returns whether this is binary.
    pub const fn is_binary(&self) -> bool {
        matches!(self.kind, MessageKind::Binary)
    }

    /// Returns the payload of either kind.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.payload {
            LentPayload::Slab(bytes) => bytes,
            LentPayload::Assembled(memory) => memory.assembled_message(),
        }
    }

    /// Returns the text, if it is text. This costs nothing: the text was validated as it came.
    #[inline]
    pub fn as_text(&self) -> Option<&str> {
        self.is_text().then(|| validated_str(self.as_bytes()))
    }

    /// Returns the payload as text: that of a text message, and that of a binary message if it is UTF-8.
    ///
    /// # Errors
    /// The first byte at which a binary message is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        match self.as_text() {
            Some(text) => Ok(text),
            None => core::str::from_utf8(self.as_bytes()),
        }
    }

    /// Returns the size of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Returns an owned message: copied if it lies in the shared read buffer (a kept message of 300 bytes
    /// must not pin 32 KiB), moved if it has a buffer of its own.
    #[inline]
    #[must_use]
    pub fn into_owned(self) -> Message {
        match self.payload {
            LentPayload::Slab(bytes) => copied(self.kind, bytes),
            LentPayload::Assembled(memory) => owned(self.kind, memory.take_message().into_bytes()),
        }
    }
}

/// Returns an owned message of bytes that were validated if they are text.
// A function of its own: the allocation in it is large against the call.
#[inline(never)]
fn copied(kind: MessageKind, bytes: &[u8]) -> Message {
    owned(kind, Bytes::copy_from_slice(bytes))
}

fn owned(kind: MessageKind, bytes: Bytes) -> Message {
    match kind {
        MessageKind::Text => Message::Text(Utf8Bytes::from_validated(bytes)),
        MessageKind::Binary => Message::Binary(bytes),
    }
}

/// Shows text as it is, and binary as its length: a log line, not a dump.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.as_text(), self.as_bytes(), f)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self.as_text(), self.as_bytes(), f)
    }
}

/// Shows text as it is, and binary as its length.
impl fmt::Display for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.as_text(), self.as_bytes(), f)
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self.as_text(), self.as_bytes(), f)
    }
}

fn show(text: Option<&str>, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        Some(text) => f.write_str(text),
        None => write!(f, "[{} bytes]", bytes.len()),
    }
}

fn debug(text: Option<&str>, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        Some(text) => write!(f, "Text({text:?})"),
        None => write!(
            f,
            "Binary({} bytes: {:02x?})",
            bytes.len(),
            bytes.get(..16).unwrap_or(bytes)
        ),
    }
}

macro_rules! from {
    ($($variant:ident: $($data:ty),*;)*) => {$($(
        impl From<$data> for Message {
            fn from(data: $data) -> Self {
                Self::$variant(data.into())
            }
        }
    )*)*};
}

from! {
    Text: &str, &String, String, Box<str>, Cow<'_, str>, &Utf8Bytes, Utf8Bytes;
    Binary: Vec<u8>, Box<[u8]>, Bytes;
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        Self::from(data.as_slice())
    }
}

impl<const N: usize> From<[u8; N]> for Message {
    fn from(data: [u8; N]) -> Self {
        Self::from(data.as_slice())
    }
}

/// Shares the bytes by reference count.
impl From<&Bytes> for Message {
    fn from(data: &Bytes) -> Self {
        Self::Binary(data.clone())
    }
}

impl From<MessageRef<'_>> for Message {
    fn from(message: MessageRef<'_>) -> Self {
        message.into_owned()
    }
}
