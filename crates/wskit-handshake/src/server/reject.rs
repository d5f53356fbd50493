//! The server's no (RFC 6455 §4.2.2).

use std::fmt::Display;

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};

use crate::client::request::header_parts;
use crate::error::{BuildError, HeaderError};
use crate::http::header::write_header;

/// An answer that refuses an upgrade: a final status, headers and a body.
///
/// It is written with `Content-Length` and `Connection: close`, and the
/// connection must be closed after it: a proxy that took the request for an
/// upgrade may pass whatever follows.
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
    /// An empty answer with this status, which must be 200 or above: neither
    /// 101 nor another interim status refuses anything.
    pub fn new(status: StatusCode) -> Result<Self, BuildError> {
        if status.is_informational() {
            return Err(BuildError::InterimStatus);
        }
        Ok(Self::with_status(status))
    }

    /// 400: the request makes no sense.
    pub fn bad_request() -> Self {
        Self::with_status(StatusCode::BAD_REQUEST)
    }

    /// 401 with its `WWW-Authenticate` header, such as `Basic realm="chat"`.
    pub fn unauthorized(challenge: &str) -> Result<Self, BuildError> {
        Self::with_status(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge)
    }

    /// 403: not from this origin, not for this user.
    pub fn forbidden() -> Self {
        Self::with_status(StatusCode::FORBIDDEN)
    }

    /// 404: no such resource.
    pub fn not_found() -> Self {
        Self::with_status(StatusCode::NOT_FOUND)
    }

    /// 503: not now, as when the server is full or shutting down.
    pub fn unavailable() -> Self {
        Self::with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Adds a header. Refused are names that are not tokens, values with
    /// control characters, `Connection`, the headers that frame the body, and
    /// those that only a 101 has.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, BuildError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = header_parts(name, value)?;
        if is_framing(&name) || matches!(name.as_str(), "trailer" | "sec-websocket-accept") {
            return Err(HeaderError::Reserved(name).into());
        }
        self.headers.push((name, value));
        Ok(self)
    }

    /// Sets the body. Give it a `Content-Type` by [`header`](Self::header).
    /// Answers with status 204 or 304 have none.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The bytes to send before closing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| (name, value));
        write_final(self.status, headers, &self.body, false)
    }

    /// A refusal that tells the client what it did wrong.
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

/// Takes status, headers and body of a response. Headers about the framing of
/// the body are replaced by those that suit it.
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

/// Headers that say where a message ends, which only the writer knows.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "content-length" | "transfer-encoding"
    )
}

/// Writes a final response that ends the connection.
pub(crate) fn write_final<'a>(
    status: StatusCode,
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    body: &[u8],
    head_only: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len().saturating_add(256));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut upgrade = false;
    for (name, value) in headers {
        upgrade |= name == UPGRADE;
        write_header(&mut out, name, value);
    }
    // RFC 9110 §8.6: neither has a body, so neither says how long it is.
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    // RFC 9110 §7.8: who sends Upgrade names it in Connection.
    out.extend_from_slice(b"Connection: close");
    out.extend_from_slice(if upgrade { b", Upgrade" } else { b"" });
    out.extend_from_slice(b"\r\n\r\n");
    if !bodiless && !head_only {
        out.extend_from_slice(body);
    }
    out
}
