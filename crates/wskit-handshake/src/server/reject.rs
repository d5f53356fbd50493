//! A refusing response (RFC 6455 §4.2.2).

use std::fmt::Display;

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};

use crate::error::HandshakeError;
use crate::error::{BuildError, HeaderError};
use crate::http::header::header_parts;
use crate::http::response::{is_framing, write_final};

/// A response that refuses an upgrade: a final status, headers and a body.
///
/// It is written with `Content-Length` and `Connection: close`. The connection
/// must be closed after it: a proxy that took the request for an upgrade may
/// forward anything that follows.
///
/// ```
/// use wskit_handshake::Rejection;
/// let rejection = Rejection::not_found().body("no such room\n");
/// assert_eq!(rejection.to_bytes(),
///     b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\nConnection: close\r\n\r\nno such room\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Rejection {
    /// Creates a response without a body. The status must be 200 or above: an
    /// interim status such as 101 does not refuse.
    pub fn new(status: StatusCode) -> Result<Self, BuildError> {
        if status.is_informational() {
            return Err(BuildError::InterimStatus);
        }
        Ok(Self::with_status(status))
    }

    /// Creates a 400 response: the request is invalid.
    pub fn bad_request() -> Self {
        Self::with_status(StatusCode::BAD_REQUEST)
    }

    /// Creates a 401 response with this `WWW-Authenticate` header, such as
    /// `Basic realm="chat"`.
    pub fn unauthorized(challenge: &str) -> Result<Self, BuildError> {
        Self::with_status(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge)
    }

    /// Creates a 403 response: the origin or user is not allowed.
    pub fn forbidden() -> Self {
        Self::with_status(StatusCode::FORBIDDEN)
    }

    /// Creates a 404 response: there is no such resource.
    pub fn not_found() -> Self {
        Self::with_status(StatusCode::NOT_FOUND)
    }

    /// Creates a 503 response: the server is full or shutting down.
    pub fn unavailable() -> Self {
        Self::with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Adds a header. Returns an error for a name that is not a token, for a
    /// value with control characters, for `Connection`, for the headers that
    /// frame the body, and for those that only a 101 has.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, BuildError>
    where
        N: AsRef<[u8]>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = header_parts(name, value)?;
        if is_framing(&name) || matches!(name.as_str(), "trailer" | "sec-websocket-accept") {
            return Err(HeaderError::Reserved(name).into());
        }
        self.headers.push((name, value));
        Ok(self)
    }

    /// Sets the body. Set its `Content-Type` with [`header`](Self::header).
    /// Responses with status 204 or 304 have no body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the bytes to send before closing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| (name, value));
        write_final(self.status, headers, &self.body, false)
    }

    /// Creates a response whose body gives the reason.
    pub(crate) fn explained(status: StatusCode, reason: &dyn Display) -> Self {
        let mut rejection = Self::with_status(status).body(format!("{reason}\n"));
        let mut add = |name, value| {
            rejection
                .headers
                .push((name, HeaderValue::from_static(value)));
        };
        match status {
            StatusCode::METHOD_NOT_ALLOWED => add(ALLOW, "GET"),
            // RFC 9110 §15.5.22: Upgrade; RFC 6455 §4.4: the versions.
            StatusCode::UPGRADE_REQUIRED => {
                add(UPGRADE, "websocket");
                add(SEC_WEBSOCKET_VERSION, "13");
            }
            _ => {}
        }
        add(CONTENT_TYPE, "text/plain; charset=utf-8");
        rejection
    }

    fn with_status(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

impl HandshakeError {
    /// Returns the response of a server, ready to be written: 400, 405, 426,
    /// 431 or 505 with a line of explanation. `None` if no response is due: for
    /// errors of a client, for the end of the stream, and for
    /// [`Finished`](Self::Finished).
    pub fn rejection(&self) -> Option<Rejection> {
        let status = match self {
            Self::HeadTooLong { .. } | Self::TooManyHeaders { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            // §4.2.2, §4.4: name the supported version.
            Self::MissingUpgrade | Self::MissingVersion | Self::UnsupportedVersion => {
                StatusCode::UPGRADE_REQUIRED
            }
            Self::Malformed(_)
            | Self::DuplicateHeader(_)
            | Self::InvalidUpgrade
            | Self::MissingConnection
            | Self::InvalidConnection
            | Self::InvalidExtensions(_)
            | Self::InvalidTarget
            | Self::MissingHost
            | Self::InvalidHost
            | Self::MissingKey
            | Self::InvalidKey
            | Self::InvalidProtocols
            | Self::RequestBody => StatusCode::BAD_REQUEST,
            Self::UnexpectedEof { .. }
            | Self::Finished
            | Self::NotHttp(_)
            | Self::Refused(_)
            | Self::TooManyInterimResponses { .. }
            | Self::MissingAccept
            | Self::InvalidAccept
            | Self::ProtocolNotOffered
            | Self::ExtensionNotOffered
            | Self::ExtensionRepeated
            | Self::ResponseBody => return None,
        };
        Some(Rejection::explained(status, self))
    }
}

/// Takes status, headers and body of a response. Headers that frame the body
/// are replaced.
impl<B: Into<Bytes>> TryFrom<http::Response<B>> for Rejection {
    type Error = BuildError;

    fn try_from(response: http::Response<B>) -> Result<Self, BuildError> {
        let (parts, body) = response.into_parts();
        let mut rejection = Self::new(parts.status)?.body(body);
        for (name, value) in &parts.headers {
            if !is_framing(name) {
                rejection = rejection.header(name.clone(), value.clone())?;
            }
        }
        Ok(rejection)
    }
}
