//! The errors of wskit as those of this crate.

use std::io;

use wskit_proto::{FrameError, MessageKind, SendError};

use super::{CapacityError, Error, ProtocolError};
use crate::protocol::frame::coding::Data;

impl From<wskit_proto::ProtocolError> for Error {
    fn from(error: wskit_proto::ProtocolError) -> Self {
        use wskit_proto::ProtocolError as Proto;
        let text = error.to_string();
        match error {
            Proto::Frame(FrameError::CloseReasonUtf8) | Proto::InvalidUtf8 => Self::Utf8(text),
            Proto::Frame(error) => frame_error(error),
            Proto::UnexpectedContinuation => ProtocolError::UnexpectedContinueFrame.into(),
            Proto::ExpectedContinuation { begun } => ProtocolError::ExpectedFragment(match begun {
                MessageKind::Text => Data::Text,
                MessageKind::Binary => Data::Binary,
            })
            .into(),
            Proto::FrameTooBig { size, limit } => too_long(size, limit),
            Proto::MessageTooBig { limit } => too_long((limit as u64).saturating_add(1), limit),
            // There is no variant for these.
            error => Self::Io(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

fn too_long(size: u64, max_size: usize) -> Error {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    CapacityError::MessageTooLong { size, max_size }.into()
}

fn frame_error(error: FrameError) -> Error {
    Error::Protocol(match error {
        FrameError::ReservedBits => ProtocolError::NonZeroReservedBits,
        FrameError::ReservedOpCode(code) => ProtocolError::InvalidOpcode(code),
        FrameError::FragmentedControl => ProtocolError::FragmentedControlFrame,
        FrameError::ControlTooLong(_) => ProtocolError::ControlFrameTooBig,
        FrameError::MaskMissing => ProtocolError::UnmaskedFrameFromClient,
        FrameError::MaskUnexpected => ProtocolError::MaskedFrameFromServer,
        FrameError::CloseTooShort | FrameError::CloseCode(_) => ProtocolError::InvalidCloseSequence,
        FrameError::LengthOverflow => return too_long(u64::MAX, usize::MAX >> 1),
        error => return Error::Io(io::Error::new(io::ErrorKind::InvalidData, error)),
    })
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Protocol(match error {
            SendError::ControlTooLong | SendError::ReasonTooLong => {
                ProtocolError::ControlFrameTooBig
            }
            SendError::InvalidCloseCode(_) => ProtocolError::InvalidCloseSequence,
            SendError::Closed => ProtocolError::SendAfterClosing,
            error => return Self::Io(io::Error::other(error)),
        })
    }
}

/// An error of the opening handshake.
#[cfg(feature = "handshake")]
pub(crate) fn handshake_error(error: wskit_handshake::HandshakeError) -> Error {
    use super::SubProtocolError;
    use http::header::{CONTENT_LENGTH, HOST, HeaderName, SEC_WEBSOCKET_EXTENSIONS};
    use wskit_handshake::{HandshakeError as Handshake, HeadFault};

    let header = |name: HeaderName| ProtocolError::InvalidHeader(Box::new(name));
    Error::Protocol(match error {
        Handshake::HeadTooLong { .. } | Handshake::TooManyInterimResponses { .. } => {
            return Error::AttackAttempt;
        }
        Handshake::TooManyHeaders { .. } => return CapacityError::TooManyHeaders.into(),
        Handshake::Malformed(fault) => ProtocolError::HttparseError(match fault {
            HeadFault::HeaderName => httparse::Error::HeaderName,
            HeadFault::HeaderValue => httparse::Error::HeaderValue,
            HeadFault::BareLf | HeadFault::LeadingBlankLine => httparse::Error::NewLine,
            _ => httparse::Error::Token,
        }),
        Handshake::InvalidTarget => ProtocolError::HttparseError(httparse::Error::Token),
        Handshake::NotHttp(_) => ProtocolError::HttparseError(httparse::Error::Version),
        Handshake::HttpVersion => ProtocolError::WrongHttpVersion,
        Handshake::DuplicateHeader(name) => {
            header(HeaderName::from_bytes(name.as_bytes()).unwrap_or(HOST))
        }
        Handshake::MissingUpgrade | Handshake::InvalidUpgrade => {
            ProtocolError::MissingUpgradeWebSocketHeader
        }
        Handshake::MissingConnection | Handshake::InvalidConnection => {
            ProtocolError::MissingConnectionUpgradeHeader
        }
        Handshake::InvalidExtensions(_)
        | Handshake::ExtensionNotOffered
        | Handshake::ExtensionRepeated => header(SEC_WEBSOCKET_EXTENSIONS),
        Handshake::UnexpectedEof { .. } => ProtocolError::HandshakeIncomplete,
        Handshake::Method => ProtocolError::WrongHttpMethod,
        Handshake::MissingHost | Handshake::InvalidHost => header(HOST),
        Handshake::MissingKey => ProtocolError::MissingSecWebSocketKey,
        Handshake::InvalidKey => ProtocolError::InvalidSecWebSocketKey,
        Handshake::MissingVersion | Handshake::UnsupportedVersion => {
            ProtocolError::MissingSecWebSocketVersionHeader
        }
        Handshake::InvalidProtocols | Handshake::ProtocolNotOffered => {
            ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::InvalidSubProtocol)
        }
        Handshake::RequestBody | Handshake::ResponseBody => header(CONTENT_LENGTH),
        Handshake::MissingAccept | Handshake::InvalidAccept => {
            ProtocolError::SecWebSocketAcceptKeyMismatch
        }
        Handshake::Refused(refusal) => {
            let mut response = http::Response::new(Some(refusal.body.to_vec()));
            *response.status_mut() = refusal.status;
            *response.headers_mut() = refusal.headers;
            return Error::Http(Box::new(response));
        }
        error => return Error::Io(io::Error::other(error)),
    })
}
