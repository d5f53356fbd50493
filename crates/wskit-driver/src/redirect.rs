use std::fmt;

use http::StatusCode;
use wskit_handshake::{ClientRequest, HandshakeError, Refusal, RequestError};

use crate::error::Error;

/// The server sent us elsewhere, and we did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// One redirect more than `Connector::redirects` allows: a loop, most often.
    TooMany {
        /// The limit in redirects.
        limit: usize,
    },
    /// The server's: the place it names is no place for a WebSocket, or the way there leads from `wss`
    /// to `ws`.
    Location(RequestError),
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { limit } => write!(f, "more than {limit} redirects"),
            Self::Location(error) => write!(f, "the redirect cannot be followed: {error}"),
        }
    }
}

impl std::error::Error for RedirectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooMany { .. } => None,
            Self::Location(error) => Some(error),
        }
    }
}

/// The request to go on with after this ending, or the ending as it is told.
///
/// RFC 6455 §4.1: a client may follow redirects. Method and body of a WebSocket request are the same
/// for all of them, so the differences of RFC 9110 §15.4 do not matter.
pub(crate) fn follow(
    request: &ClientRequest,
    error: Error,
    followed: usize,
    limit: usize,
) -> Result<ClientRequest, Error> {
    let location = match &error {
        Error::Handshake(HandshakeError::Refused(refusal)) if limit > 0 => location(refusal),
        _ => None,
    };
    let Some(location) = location else {
        return Err(error);
    };
    if followed >= limit {
        return Err(Error::Redirect(RedirectError::TooMany { limit }));
    }
    request
        .redirected_to(location)
        .map_err(|error| Error::Redirect(RedirectError::Location(error)))
}

/// Where it leads, if it is a redirect and says so.
pub(crate) fn location(refusal: &Refusal) -> Option<&str> {
    match refusal.status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => refusal.location(),
        _ => None,
    }
}
