//! The rules of redirects. Sans-I/O: a request and an error go in, the next request comes out.

use std::fmt;

use http::StatusCode;
use wskit_driver::OpenError;
use wskit_handshake::{ClientRequest, HandshakeError, Refusal, RequestError};

use crate::dial_error::DialError;

/// The server redirected the client, and the redirect could not be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// There was one redirect more than `Connector::redirects` allows, most often a loop.
    TooMany {
        /// The limit in redirects.
        limit: usize,
    },
    /// The server's fault: its `Location` is not a WebSocket URL, or leads from `wss` to `ws`.
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

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for RedirectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooMany { .. } => None,
            Self::Location(error) => error.source(),
        }
    }
}

/// How many redirects are followed, and how. By pointers, so that the rules of redirects are linked only into
/// programs that set a limit.
#[derive(Clone, Copy)]
pub(crate) struct Redirects {
    pub(crate) limit: usize,
    /// Keeps a request for the one after it.
    pub(crate) copy: fn(&ClientRequest) -> ClientRequest,
    location: fn(&Refusal) -> Option<&str>,
    next: fn(&ClientRequest, &str) -> Result<ClientRequest, RequestError>,
}

impl Redirects {
    /// Follows at most `limit` redirects, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            copy: ClientRequest::clone,
            location,
            next: ClientRequest::redirected_to,
        }
    }

    /// Returns whether a refusal is a redirect.
    pub(crate) fn is_redirect(&self, refusal: &Refusal) -> bool {
        (self.location)(refusal).is_some()
    }

    /// Returns the request to go on with after an opening handshake that failed with `error`, or the error
    /// to report.
    ///
    /// RFC 6455 §4.1: a client may follow redirects. Method and body of a WebSocket request are the same
    /// for all of them, so the differences of RFC 9110 §15.4 do not matter.
    pub(crate) fn follow(
        &self,
        request: &ClientRequest,
        error: OpenError,
        followed: usize,
    ) -> Result<ClientRequest, DialError> {
        let location = match &error {
            OpenError::Handshake(HandshakeError::Refused(refusal)) => (self.location)(refusal),
            _ => None,
        };
        let Some(location) = location else {
            return Err(error.into());
        };
        let limit = self.limit;
        if followed >= limit {
            return Err(RedirectError::TooMany { limit }.into());
        }
        let next = (self.next)(request, location);
        next.map_err(|error| RedirectError::Location(error).into())
    }
}

/// Returns the target of a refusal that is a redirect.
fn location(refusal: &Refusal) -> Option<&str> {
    match refusal.status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => refusal.location(),
        _ => None,
    }
}
