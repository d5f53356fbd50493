#![allow(
    clippy::arithmetic_side_effects,
    reason = "a count of at most 125 bytes, those of a control frame"
)]

use core::convert::Infallible;
use core::ops::Deref;

use wskit_frame::{CONTROL_MAX, CloseCode};

use crate::message::MessageKind;
use crate::text::Utf8Bytes;

/// What the peer has sent.
///
/// `M` is how a message is given, `P` how a piece of one is: as a [`Span`](crate::Span) inside the
/// state machine, lent as a [`MessageRef`](crate::MessageRef) and a [`Piece`], or to be kept as a
/// [`Message`](crate::Message), where there are no pieces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<M, P = Infallible> {
    /// A whole message.
    Message(M),
    /// A piece of a message (only with [`Delivery::Pieces`](crate::Delivery::Pieces)).
    Piece(P),
    /// A ping. Its pong is queued already unless `Config::auto_pong` is off.
    Ping(ControlPayload),
    /// A pong that does not answer a keepalive ping.
    Pong(ControlPayload),
    /// The peer's Close (RFC 6455 §5.5.1), `None` when it gave no code. The answer is queued already.
    /// No event follows it.
    Close(Option<CloseFrame>),
}

/// A piece of a message, in order. Pieces need not match frames.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Of the whole message.
    pub kind: MessageKind,
    /// Whether the message begins here.
    pub first: bool,
    /// Whether the message ends here; a text message is valid UTF-8 as a whole then.
    pub last: bool,
    /// The bytes. Of text they are checked so far, but a piece may end inside a character.
    pub data: &'a [u8],
}

/// The body of a ping or pong: at most 125 bytes, by value.
#[derive(Clone, Copy)]
pub struct ControlPayload {
    len: u8,
    data: [u8; CONTROL_MAX],
}

impl ControlPayload {
    /// The first 125 bytes of `bytes`; a control frame has no more (RFC 6455 §5.5).
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

/// Code and reason of a Close (RFC 6455 §5.5.1).
///
/// The reason comes from the peer: show it to developers, never to users as text to be trusted.
/// `Display` escapes control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    /// Why.
    pub code: CloseCode,
    /// For whoever debugs it; at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// A code and a reason; more than 123 bytes of reason are refused when it is sent.
    #[must_use]
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
