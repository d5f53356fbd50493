use std::fmt;
use std::io;

use wskit_handshake::{BuildError, HandshakeError, Refusal, RequestError};

use super::{Elapsed, is_disconnect};

/// Why the opening handshake over a stream failed, at the client or at the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The peer refused, broke a rule or does not speak HTTP. A client that broke a rule has been told.
    Handshake(HandshakeError),
    /// The opening handshake was not completed in time (`Config::handshake_timeout`).
    Timeout,
    /// The server refused a page of an origin that is not allowed, and answered 403.
    OriginRefused,
    /// The server answered the offer of compression with something that was not offered (RFC 7692 §7).
    #[cfg(feature = "deflate")]
    Deflate(wskit_proto::deflate::ResponseError),
    /// The request cannot be built.
    Request(RequestError),
    /// The response cannot be built.
    Response(BuildError),
    /// The stream failed.
    Io(io::Error),
    /// The runtime has no timer, and the handshake has a deadline. Enable the runtime's timer.
    NoTimer(io::Error),
}

impl OpenError {
    /// Returns whether the peer or the network went away: an error that a server need not log.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::Handshake(HandshakeError::UnexpectedEof { .. }) => true,
            Self::Io(error) => is_disconnect(error),
            _ => false,
        }
    }

    /// Returns the server's answer if it was something other than 101: status, headers and the beginning of
    /// the body.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Handshake(HandshakeError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Returns the kind that the error has as an `io::Error`.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::Timeout => io::ErrorKind::TimedOut,
            Self::Handshake(_) => io::ErrorKind::InvalidData,
            Self::OriginRefused => io::ErrorKind::PermissionDenied,
            Self::Request(_) | Self::Response(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Timeout => f.write_str("the opening handshake was not completed in time"),
            Self::OriginRefused => {
                f.write_str("a page of an origin that is not allowed was refused")
            }
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.fmt(f),
            Self::Request(error) => write!(f, "the request cannot be built: {error}"),
            Self::Response(error) => write!(f, "the response cannot be built: {error}"),
            Self::Io(error) => {
                write!(
                    f,
                    "the transport failed during the opening handshake: {error}"
                )
            }
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => error.source(),
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.source(),
            Self::Request(error) => error.source(),
            Self::Response(error) => error.source(),
            Self::Io(error) | Self::NoTimer(error) => error.source(),
            Self::Timeout | Self::OriginRefused => None,
        }
    }
}

/// For code that only knows stream errors. The [`OpenError`] is the inner error, unless it is an
/// `io::Error` itself.
impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error,
            error => Self::new(error.kind(), error),
        }
    }
}

impl From<HandshakeError> for OpenError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<RequestError> for OpenError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<BuildError> for OpenError {
    fn from(error: BuildError) -> Self {
        Self::Response(error)
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Elapsed> for OpenError {
    fn from(error: Elapsed) -> Self {
        match error {
            Elapsed::Timeout => Self::Timeout,
            Elapsed::NoTimer(error) => Self::NoTimer(error),
        }
    }
}
