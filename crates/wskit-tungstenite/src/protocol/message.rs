use std::fmt;
use std::str;

use bytes::Bytes;

use super::frame::{CloseFrame, Frame, Utf8Bytes};
use crate::error::Result;

/// A message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, with at most 125 bytes. Those that are received are answered by the library.
    Ping(Bytes),
    /// A pong, with at most 125 bytes.
    Pong(Bytes),
    /// A Close, and what it says.
    Close(Option<CloseFrame>),
    /// A frame that the program has made itself. It is only sent, never received.
    Frame(Frame),
}

impl Message {
    /// Creates a text message.
    pub fn text<S: Into<Utf8Bytes>>(text: S) -> Self {
        Self::Text(text.into())
    }

    /// Creates a binary message.
    pub fn binary<B: Into<Bytes>>(data: B) -> Self {
        Self::Binary(data.into())
    }

    /// Returns whether this is a text message.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Returns whether this is a binary message.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Returns whether this is a ping.
    pub fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Returns whether this is a pong.
    pub fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
    }

    /// Returns whether this is a Close.
    pub fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// Returns the size in bytes: of the payload, of the reason of a Close, or of a whole [`Frame`].
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data.len(),
            Self::Close(close) => close.as_ref().map_or(0, |close| close.reason.len()),
            Self::Frame(frame) => frame.len(),
        }
    }

    /// Returns whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the payload, or the reason of a Close.
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(None) => Bytes::new(),
            Self::Close(Some(close)) => close.reason.into(),
            Self::Frame(frame) => frame.into_payload(),
        }
    }

    /// Takes the payload as text, or the reason of a Close.
    ///
    /// # Errors
    /// [`Error::Utf8`](crate::Error::Utf8): the payload is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => Ok(data.try_into()?),
            Self::Close(None) => Ok(Utf8Bytes::default()),
            Self::Close(Some(close)) => Ok(close.reason),
            Self::Frame(frame) => Ok(frame.into_text()?),
        }
    }

    /// Returns the payload as text, or the reason of a Close.
    ///
    /// # Errors
    /// [`Error::Utf8`](crate::Error::Utf8): the payload is not UTF-8.
    pub fn to_text(&self) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => Ok(str::from_utf8(data)?),
            Self::Close(None) => Ok(""),
            Self::Close(Some(close)) => Ok(&close.reason),
            Self::Frame(frame) => Ok(frame.to_text()?),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::binary(Bytes::copy_from_slice(data))
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::binary(data)
    }
}

impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.into_data()
    }
}

/// Shows text, or the length of what is not text.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Ok(text) => f.write_str(text),
            Err(_) => write!(f, "Binary Data<length={}>", self.len()),
        }
    }
}

impl From<wskit_proto::Message> for Message {
    #[inline]
    fn from(message: wskit_proto::Message) -> Self {
        match message {
            wskit_proto::Message::Text(text) => Self::Text(text.into()),
            wskit_proto::Message::Binary(data) => Self::Binary(data),
        }
    }
}
