#![allow(
    clippy::arithmetic_side_effects,
    reason = "a count of at most 125 bytes, those of a control frame"
)]

use core::convert::Infallible;
use core::ops::Deref;

use wskit_frame::{CONTROL_MAX, CloseCode};

use crate::message::{MessageKind, MessageRef};
use crate::text::Utf8Bytes;

/// Something that the peer has sent.
///
/// `M` is the type of a message and `P` that of a piece: a [`Span`](crate::Span) inside the state
/// machine; [`MessageRef`](crate::MessageRef) and [`Piece`] where they are lent; or an owned
/// [`Message`](crate::Message), where there are no pieces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<M, P = Infallible> {
    /// A whole message.
    Message(M),
    /// A piece of a message (only with [`Delivery::Pieces`](crate::Delivery::Pieces)).
    Piece(P),
    /// A ping. Its pong is already queued unless `Config::auto_pong` is off.
    Ping(ControlPayload),
    /// A pong that does not answer a keepalive ping.
    Pong(ControlPayload),
    /// The peer's Close (RFC 6455 §5.5.1), `None` when it gave no code. The answer is already queued.
    /// No event follows.
    Close(Option<CloseFrame>),
}

/// An event that is lent until the next call.
pub type EventRef<'a> = Event<MessageRef<'a>, Piece<'a>>;

/// A piece of a message, in order. Pieces need not match frames.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The kind of the whole message.
    pub kind: MessageKind,
    /// Whether the message begins here.
    pub first: bool,
    /// Whether the message ends here; a text message is then valid UTF-8 as a whole.
    pub last: bool,
    /// The bytes. Text is checked so far, but a piece may end inside a character.
    pub data: &'a [u8],
}

/// The body of a ping or pong, by value: at most 125 bytes.
#[derive(Clone, Copy)]
pub struct ControlPayload {
    len: u8,
    data: [u8; CONTROL_MAX],
}

impl ControlPayload {
    /// Copies the first 125 bytes of `bytes`; a control frame has no more (RFC 6455 §5.5).
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut data = [0; CONTROL_MAX];
        let mut len = 0;
        for (to, from) in data.iter_mut().zip(bytes) {
            *to = *from;
            len += 1;
        }
        Self { len, data }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.data
            .get_mut(..usize::from(self.len))
            .unwrap_or_default()
    }
}

impl Deref for ControlPayload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.data.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl core::fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ControlPayload")
            .field(&self.escape_ascii().to_string())
            .finish()
    }
}

/// The code and reason of a Close (RFC 6455 §5.5.1).
///
/// The reason of a received Close comes from the peer: show it to developers, never to users as text
/// to be trusted.
/// `Display` escapes control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// An explanation for debugging; at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// Creates a Close from a code and a reason. Sending it fails if the reason exceeds 123 bytes.
    pub fn new(code: CloseCode, reason: impl Into<Utf8Bytes>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

impl core::fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.reason.is_empty() {
            write!(f, "{}", self.code)
        } else {
            write!(f, "{}: {}", self.code, self.reason.escape_debug())
        }
    }
}
