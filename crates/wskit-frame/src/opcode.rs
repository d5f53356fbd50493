//! The opcode of a frame, RFC 6455 sections 5.2 and 11.8.

/// The type of a frame (RFC 6455 section 5.2).
///
/// The reserved opcodes 3 to 7 and 11 to 15 have no variants: a frame with one
/// of them fails the connection
/// ([`FrameError::ReservedOpCode`](crate::FrameError::ReservedOpCode)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of a text or binary message.
    Continuation = 0,
    /// A text message, or its first fragment. The whole message is UTF-8.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// A close frame, with a code and a reason or empty.
    Close = 8,
    /// A request for a [`Pong`](Self::Pong) with the same payload.
    Ping = 9,
    /// The response to a [`Ping`](Self::Ping), or an unsolicited heartbeat.
    Pong = 10,
}

impl OpCode {
    /// Returns the opcode with this number. `None` for reserved numbers and for numbers above 15.
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Returns the number of the opcode, as in the low four bits of a frame's first byte.
    #[inline]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Returns whether this is close, ping or pong. Section 5.5: opcodes with
    /// the highest of the four bits set.
    #[inline]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }

    /// Returns whether this is text, binary or continuation (section 5.6).
    #[inline]
    pub const fn is_data(self) -> bool {
        !self.is_control()
    }
}
