use core::fmt;

use wskit_frame::{CloseCode, FrameError, InvalidUtf8};

use crate::message::MessageKind;

/// A rule that the peer broke. The connection has failed (RFC 6455 §7.1.7): a Close with
/// [`close_code`](ProtocolError::close_code) is queued and nothing more is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame that §5.2, §5.5 or §7.4 does not allow.
    Frame(FrameError),
    /// §5.4: a continuation frame with no message open.
    UnexpectedContinuation,
    /// §5.4: a new message while the one before is unfinished.
    ExpectedContinuation {
        /// The kind of the message that was begun.
        begun: MessageKind,
    },
    /// §8.1: a text message that is not UTF-8.
    InvalidUtf8,
    /// §10.4: more bytes than `Config::max_message_size` allows.
    MessageTooBig {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// §10.4: a frame longer than `Config::max_frame_size`.
    FrameTooBig {
        /// The announced length in bytes.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// §10.4: more frames than `Config::max_fragments` allows.
    TooManyFragments {
        /// The limit in force, in frames.
        limit: u32,
    },
    /// RFC 7692 §6.2: a compressed message that cannot be decompressed.
    Compression,
    /// RFC 7692 §7.2.2: a compressed message that is invalid, or for which there is no memory left in
    /// the budget of the process.
    #[cfg(feature = "deflate")]
    Deflate(wskit_deflate::DecompressError),
}

impl ProtocolError {
    /// Returns the code that the Close frame carries (RFC 6455 §7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Frame(error) => error.close_code(),
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => CloseCode::new(error.close_code()),
            Self::UnexpectedContinuation | Self::ExpectedContinuation { .. } => {
                CloseCode::PROTOCOL_ERROR
            }
            Self::InvalidUtf8 | Self::Compression => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } | Self::FrameTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => return error.fmt(f),
            Self::Frame(error) => return error.fmt(f),
            Self::UnexpectedContinuation => {
                "the peer sent a continuation frame with no message open"
            }
            Self::ExpectedContinuation { .. } => "the peer began a message inside another one",
            Self::InvalidUtf8 => "the peer sent a text message that is not UTF-8",
            Self::FrameTooBig { size, limit } => {
                return write!(
                    f,
                    "the peer sent a frame of {size} bytes, more than {limit} (Config::max_frame_size)"
                );
            }
            Self::MessageTooBig { limit } => {
                return write!(
                    f,
                    "the peer sent a message of more than {limit} bytes (Config::max_message_size)"
                );
            }
            Self::TooManyFragments { limit } => {
                return write!(
                    f,
                    "the peer sent a message in more than {limit} frames (Config::max_fragments)"
                );
            }
            Self::Compression => "the peer sent a compressed message that does not decompress",
        })
    }
}

impl core::error::Error for ProtocolError {}

impl From<FrameError> for ProtocolError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

#[cfg(feature = "deflate")]
impl From<wskit_deflate::DecompressError> for ProtocolError {
    fn from(error: wskit_deflate::DecompressError) -> Self {
        Self::Deflate(error)
    }
}

impl From<InvalidUtf8> for ProtocolError {
    fn from(_: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}

/// A request of the caller that cannot be sent. Nothing was queued, and the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// §5.5.1: a Close is queued or sent, or the connection has ended; no message may follow.
    Closed,
    /// The queue holds `Config::write_queue_limit` bytes or more: flush it, or await `feed` or `send`.
    QueueFull,
    /// §5.4: a streamed message is open; finish it first.
    MessageOpen,
    /// §5.4: there is no streamed message to continue.
    NoMessageOpen,
    /// §8.1: a piece of a streamed text message is not UTF-8, or the message ends inside a character.
    InvalidUtf8,
    /// §5.5: the payload of a ping or pong is longer than 125 bytes.
    ControlTooLong,
    /// §7.4: a close code that may not be sent.
    InvalidCloseCode(CloseCode),
    /// §5.5.1: a close reason of more than 123 bytes.
    ReasonTooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the connection is closing or closed",
            Self::QueueFull => "the send queue is full: flush it, or await feed or send",
            Self::MessageOpen => "a streamed message is open: finish it first",
            Self::NoMessageOpen => "no streamed message is open: begin one first",
            Self::InvalidUtf8 => "text to send is not UTF-8",
            Self::ControlTooLong => "a ping or pong carries at most 125 bytes",
            Self::InvalidCloseCode(code) => {
                return write!(f, "close code {} may not be sent", code.get());
            }
            Self::ReasonTooLong => "a close reason has at most 123 bytes",
        })
    }
}

impl core::error::Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told_once::every_variant;

    #[test]
    fn every_error_says_everything_once() {
        every_variant! { ProtocolError:
            ProtocolError::Frame(_) => FrameError::ReservedBits.into(),
            ProtocolError::UnexpectedContinuation => ProtocolError::UnexpectedContinuation,
            ProtocolError::ExpectedContinuation { .. } =>
                ProtocolError::ExpectedContinuation { begun: MessageKind::Text },
            ProtocolError::InvalidUtf8 => InvalidUtf8.into(),
            ProtocolError::FrameTooBig { .. } => ProtocolError::FrameTooBig { size: 2, limit: 1 },
            ProtocolError::MessageTooBig { .. } => ProtocolError::MessageTooBig { limit: 1 },
            ProtocolError::TooManyFragments { .. } => ProtocolError::TooManyFragments { limit: 1 },
            ProtocolError::Compression => ProtocolError::Compression,
            #[cfg(feature = "deflate")]
            ProtocolError::Deflate(_) => wskit_deflate::DecompressError::Corrupt.into(),
        }
        every_variant! { SendError:
            SendError::Closed => SendError::Closed,
            SendError::QueueFull => SendError::QueueFull,
            SendError::MessageOpen => SendError::MessageOpen,
            SendError::NoMessageOpen => SendError::NoMessageOpen,
            SendError::InvalidUtf8 => SendError::InvalidUtf8,
            SendError::ControlTooLong => SendError::ControlTooLong,
            SendError::InvalidCloseCode(_) => SendError::InvalidCloseCode(CloseCode::NO_STATUS),
            SendError::ReasonTooLong => SendError::ReasonTooLong,
        }
    }
}
