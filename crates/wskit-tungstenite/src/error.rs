//! The errors.

mod capacity;
mod protocol;
mod translate;
mod url;

use std::{fmt, io, str, string};

#[cfg(feature = "handshake")]
use http::Response;

use crate::protocol::Message;

pub use capacity::CapacityError;
pub use protocol::{ProtocolError, SubProtocolError};
#[cfg(feature = "handshake")]
pub(crate) use translate::handshake_error;
pub use url::{TlsError, UrlError};

/// The result of most calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, or that the connection is closed.
#[derive(Debug)]
pub enum Error {
    /// The connection has been closed properly: both ends have sent a Close, and a server has nothing left
    /// to do, or a client has seen the end of the stream. Drop it.
    ConnectionClosed,
    /// A call after [`ConnectionClosed`](Error::ConnectionClosed), or after the error that ended the
    /// connection.
    AlreadyClosed,
    /// The stream failed. [`WouldBlock`](io::ErrorKind::WouldBlock) means: try again when it is ready.
    Io(io::Error),
    /// TLS failed.
    Tls(TlsError),
    /// The peer sent more than a limit allows.
    Capacity(CapacityError),
    /// The peer broke a rule, or the call was not allowed.
    Protocol(ProtocolError),
    /// The queue for sending is full. It has the message, as a [`Message::Frame`] that can be sent later.
    WriteBufferFull(Box<Message>),
    /// Text that is not UTF-8.
    Utf8(String),
    /// The head of the peer's handshake is too long, or has too many parts.
    AttackAttempt,
    /// The URL cannot be used.
    Url(UrlError),
    /// A response other than 101, or one that the server's [`Callback`](crate::handshake::server::Callback)
    /// has made.
    #[cfg(feature = "handshake")]
    Http(Box<Response<Option<Vec<u8>>>>),
    /// A part of a request or response cannot be expressed in HTTP.
    #[cfg(feature = "handshake")]
    HttpFormat(http::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("Connection closed normally"),
            Self::AlreadyClosed => f.write_str("Trying to work with closed connection"),
            Self::Io(error) => write!(f, "IO error: {error}"),
            Self::Tls(error) => write!(f, "TLS error: {error}"),
            Self::Capacity(error) => write!(f, "Space limit exceeded: {error}"),
            Self::Protocol(error) => write!(f, "WebSocket protocol error: {error}"),
            Self::WriteBufferFull(_) => f.write_str("Write buffer is full"),
            Self::Utf8(error) => write!(f, "UTF-8 encoding error: {error}"),
            Self::AttackAttempt => f.write_str("Attack attempt detected"),
            Self::Url(error) => write!(f, "URL error: {error}"),
            #[cfg(feature = "handshake")]
            Self::Http(response) => write!(f, "HTTP error: {}", response.status()),
            #[cfg(feature = "handshake")]
            Self::HttpFormat(error) => write!(f, "HTTP format error: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Capacity(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Url(error) => Some(error),
            #[cfg(feature = "handshake")]
            Self::HttpFormat(error) => Some(error),
            _ => None,
        }
    }
}

/// Implements `From` for the errors that a variant contains, or is made of.
macro_rules! from {
    ($($(#[$attribute:meta])* $from:ty => |$error:ident| $to:expr;)*) => {$(
        $(#[$attribute])*
        impl From<$from> for Error {
            fn from($error: $from) -> Self {
                $to
            }
        }
    )*};
}

from! {
    io::Error => |error| Self::Io(error);
    TlsError => |error| Self::Tls(error);
    CapacityError => |error| Self::Capacity(error);
    ProtocolError => |error| Self::Protocol(error);
    UrlError => |error| Self::Url(error);
    str::Utf8Error => |error| Self::Utf8(error.to_string());
    string::FromUtf8Error => |error| Self::Utf8(error.to_string());
    #[cfg(feature = "handshake")]
    http::Error => |error| Self::HttpFormat(error);
    #[cfg(feature = "handshake")]
    http::header::InvalidHeaderValue => |error| Self::HttpFormat(error.into());
    #[cfg(feature = "handshake")]
    http::header::InvalidHeaderName => |error| Self::HttpFormat(error.into());
    #[cfg(feature = "handshake")]
    http::header::ToStrError => |error| Self::Utf8(error.to_string());
    #[cfg(feature = "handshake")]
    http::uri::InvalidUri => |error| Self::HttpFormat(error.into());
    #[cfg(feature = "handshake")]
    http::status::InvalidStatusCode => |error| Self::HttpFormat(error.into());
    #[cfg(feature = "handshake")]
    httparse::Error => |error| match error {
        httparse::Error::TooManyHeaders => Self::Capacity(CapacityError::TooManyHeaders),
        error => Self::Protocol(ProtocolError::HttparseError(error)),
    };
}
