use std::fmt;

#[cfg(feature = "handshake")]
use http::HeaderName;

use crate::protocol::frame::coding::Data;

/// A rule of the protocol that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_copy_implementations, reason = "some variants own memory")]
pub enum ProtocolError {
    /// The request's method is not GET.
    WrongHttpMethod,
    /// The HTTP version is below 1.1.
    WrongHttpVersion,
    /// `Connection` does not name `Upgrade`.
    MissingConnectionUpgradeHeader,
    /// `Upgrade` does not name `websocket`.
    MissingUpgradeWebSocketHeader,
    /// `Sec-WebSocket-Version` is not 13.
    MissingSecWebSocketVersionHeader,
    /// There is no `Sec-WebSocket-Key`.
    MissingSecWebSocketKey,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    InvalidSecWebSocketKey,
    /// `Sec-WebSocket-Accept` is missing, or does not belong to the key.
    SecWebSocketAcceptKeyMismatch,
    /// `Sec-WebSocket-Protocol` is wrong.
    SecWebSocketSubProtocolError(SubProtocolError),
    /// The client sent bytes behind its request before it was answered.
    JunkAfterRequest,
    /// The callback refused with a status that means success.
    CustomResponseSuccessful,
    /// A header is missing, there twice, or has a value that it cannot have.
    #[cfg(feature = "handshake")]
    InvalidHeader(Box<HeaderName>),
    /// The stream ended within the handshake.
    HandshakeIncomplete,
    /// The head of the handshake is not HTTP.
    #[cfg(feature = "handshake")]
    HttparseError(httparse::Error),
    /// A message after this end's Close, or after the peer's.
    SendAfterClosing,
    /// The peer sent something behind its Close.
    ReceivedAfterClosing,
    /// A reserved bit is set, and no extension uses it.
    NonZeroReservedBits,
    /// A client sent a frame without a mask.
    UnmaskedFrameFromClient,
    /// A server sent a frame with a mask.
    MaskedFrameFromServer,
    /// A control frame is fragmented.
    FragmentedControlFrame,
    /// A control frame has more than 125 bytes.
    ControlFrameTooBig,
    /// A control frame of an unknown type.
    UnknownControlFrameType(u8),
    /// A data frame of an unknown type.
    UnknownDataFrameType(u8),
    /// A continuation with no message open.
    UnexpectedContinueFrame,
    /// A message that begins inside another.
    ExpectedFragment(Data),
    /// The stream ended without a Close.
    ResetWithoutClosingHandshake,
    /// A reserved opcode.
    InvalidOpcode(u8),
    /// The payload of a Close is one byte, or its code may not be sent.
    InvalidCloseSequence,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongHttpMethod => "Unsupported HTTP method used - only GET is allowed",
            Self::WrongHttpVersion => "HTTP version must be 1.1 or higher",
            Self::MissingConnectionUpgradeHeader => "No \"Connection: upgrade\" header",
            Self::MissingUpgradeWebSocketHeader => "No \"Upgrade: websocket\" header",
            Self::MissingSecWebSocketVersionHeader => "No \"Sec-WebSocket-Version: 13\" header",
            Self::MissingSecWebSocketKey => "No \"Sec-WebSocket-Key\" header",
            Self::InvalidSecWebSocketKey => "Invalid \"Sec-WebSocket-Key\" header value",
            Self::SecWebSocketAcceptKeyMismatch => {
                "Key mismatch in \"Sec-WebSocket-Accept\" header"
            }
            Self::SecWebSocketSubProtocolError(error) => {
                return write!(f, "SubProtocol error: {error}");
            }
            Self::JunkAfterRequest => "Junk after client request",
            Self::CustomResponseSuccessful => "Custom response must not be successful",
            #[cfg(feature = "handshake")]
            Self::InvalidHeader(name) => {
                return write!(f, "Missing, duplicated or incorrect header {name}");
            }
            Self::HandshakeIncomplete => "Handshake not finished",
            #[cfg(feature = "handshake")]
            Self::HttparseError(error) => return write!(f, "httparse error: {error}"),
            Self::SendAfterClosing => "Sending after closing is not allowed",
            Self::ReceivedAfterClosing => "Remote sent after having closed",
            Self::NonZeroReservedBits => "Reserved bits are non-zero",
            Self::UnmaskedFrameFromClient => "Received an unmasked frame from client",
            Self::MaskedFrameFromServer => "Received a masked frame from server",
            Self::FragmentedControlFrame => "Fragmented control frame",
            Self::ControlFrameTooBig => "Control frame too big (payload must be 125 bytes or less)",
            Self::UnknownControlFrameType(code) => {
                return write!(f, "Unknown control frame type: {code}");
            }
            Self::UnknownDataFrameType(code) => {
                return write!(f, "Unknown data frame type: {code}");
            }
            Self::UnexpectedContinueFrame => "Continue frame but nothing to continue",
            Self::ExpectedFragment(data) => {
                return write!(f, "While waiting for more fragments received: {data}");
            }
            Self::ResetWithoutClosingHandshake => "Connection reset without closing handshake",
            Self::InvalidOpcode(code) => return write!(f, "Encountered invalid opcode: {code}"),
            Self::InvalidCloseSequence => "Invalid close sequence",
        })
    }
}

impl std::error::Error for ProtocolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "handshake")]
            Self::HttparseError(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "handshake")]
impl From<httparse::Error> for ProtocolError {
    fn from(error: httparse::Error) -> Self {
        Self::HttparseError(error)
    }
}

/// What is wrong with the subprotocol in the server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubProtocolError {
    /// It chose one, and the client had offered none.
    ServerSentSubProtocolNoneRequested,
    /// It chose one that the client had not offered.
    InvalidSubProtocol,
    /// It chose none, and the client had offered some.
    NoSubProtocol,
}

impl fmt::Display for SubProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerSentSubProtocolNoneRequested => {
                "Server sent a subprotocol but none was requested"
            }
            Self::InvalidSubProtocol => "Server sent an invalid subprotocol",
            Self::NoSubProtocol => "Server sent no subprotocol",
        })
    }
}

impl std::error::Error for SubProtocolError {}
