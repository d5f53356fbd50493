//! Errors of received frames.

use crate::{CloseCode, OpCode};
use core::fmt;

/// A rule of RFC 6455 that a frame of the peer violates.
///
/// Always the peer's fault, and never recoverable: the connection is failed (section 7.1.7) with a
/// close frame that carries [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// RSV1, RSV2 or RSV3 is set without a negotiated extension that uses it in
    /// this frame (section 5.2; RFC 7692 section 6 for RSV1 on control and
    /// continuation frames).
    ReservedBits,
    /// The opcode is reserved: 3 to 7 or 11 to 15 (section 5.2).
    ReservedOpCode(u8),
    /// A control frame is fragmented: it has no FIN (sections 5.4 and 5.5).
    FragmentedControl,
    /// A control frame with this opcode announces more than
    /// [`CONTROL_MAX`](crate::CONTROL_MAX) bytes (section 5.5).
    ControlTooLong(OpCode),
    /// A client sent a frame without a mask (section 5.1).
    MaskMissing,
    /// A server sent a masked frame (section 5.1).
    MaskUnexpected,
    /// The length is not encoded in the shortest form (section 5.2).
    LengthNotMinimal,
    /// The top bit of a 64-bit length is set (section 5.2).
    LengthOverflow,
    /// The payload of a close frame is a single byte, which is neither empty
    /// nor a code (section 5.5.1).
    CloseTooShort,
    /// The close frame has a code that is not allowed in a frame (section 7.4).
    CloseCode(u16),
    /// The reason in the close frame is not UTF-8 (section 5.5.1).
    CloseReasonUtf8,
}

impl FrameError {
    /// Returns the code to close the connection with: 1007 for a reason that is
    /// not UTF-8, otherwise 1002 (section 7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::CloseReasonUtf8 => CloseCode::INVALID_PAYLOAD,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => {
                f.write_str("the peer set a reserved bit that no negotiated extension uses")
            }
            Self::ReservedOpCode(bits) => write!(f, "the peer used the reserved opcode {bits}"),
            Self::FragmentedControl => f.write_str("the peer fragmented a control frame"),
            Self::ControlTooLong(opcode) => {
                write!(f, "the peer sent a {opcode:?} frame of more than 125 bytes")
            }
            Self::MaskMissing => f.write_str("the client sent a frame without a mask"),
            Self::MaskUnexpected => f.write_str("the server sent a masked frame"),
            Self::LengthNotMinimal => {
                f.write_str("the peer did not write a frame's length in the shortest form")
            }
            Self::LengthOverflow => f.write_str("the peer announced a frame of 2^63 bytes or more"),
            Self::CloseTooShort => f.write_str("the peer sent a close frame of a single byte"),
            Self::CloseCode(code) => {
                write!(
                    f,
                    "the peer sent the close code {code}, which is not allowed in a frame"
                )
            }
            Self::CloseReasonUtf8 => f.write_str("the peer sent a close reason that is not UTF-8"),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told_once::{check, every_variant};
    use crate::{CloseEncodeError, InvalidUtf8};

    #[test]
    fn every_error_says_everything_once() {
        every_variant! { FrameError:
            FrameError::ReservedBits => FrameError::ReservedBits,
            FrameError::ReservedOpCode(_) => FrameError::ReservedOpCode(3),
            FrameError::FragmentedControl => FrameError::FragmentedControl,
            FrameError::ControlTooLong(_) => FrameError::ControlTooLong(OpCode::Ping),
            FrameError::MaskMissing => FrameError::MaskMissing,
            FrameError::MaskUnexpected => FrameError::MaskUnexpected,
            FrameError::LengthNotMinimal => FrameError::LengthNotMinimal,
            FrameError::LengthOverflow => FrameError::LengthOverflow,
            FrameError::CloseTooShort => FrameError::CloseTooShort,
            FrameError::CloseCode(_) => FrameError::CloseCode(1006),
            FrameError::CloseReasonUtf8 => FrameError::CloseReasonUtf8,
        }
        every_variant! { CloseEncodeError:
            CloseEncodeError::CodeNotSendable(_) =>
                CloseEncodeError::CodeNotSendable(CloseCode::NO_STATUS),
            CloseEncodeError::ReasonTooLong(_) => CloseEncodeError::ReasonTooLong(124),
        }
        check(InvalidUtf8);
    }
}
