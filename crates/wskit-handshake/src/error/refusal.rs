//! The server's no, as the client sees it.

use bytes::Bytes;
use http::header::{HeaderMap, LOCATION, SEC_WEBSOCKET_VERSION};
use http::{Response, StatusCode};

/// A final answer other than 101 (RFC 6455 §4.1: handle it as HTTP says).
///
/// Nothing is acted on: no redirect is followed (see
/// [`ClientRequest::redirected_to`](crate::ClientRequest::redirected_to)), no
/// password is asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, never 101.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as far as it has come, without its chunked encoding, up to
    /// [`max_body_bytes`](crate::HeadLimits::max_body_bytes).
    pub body: Bytes,
    /// Whether `body` is the whole of it. Not so if it is longer than what is
    /// kept, if the connection broke, or if it was no longer waited for.
    pub body_is_complete: bool,
}

impl Refusal {
    /// The WebSocket versions that the server would speak (§4.4), from one or
    /// several header lines; what is not a version is skipped.
    pub fn supported_versions(&self) -> Vec<u8> {
        let lines = self.headers.get_all(SEC_WEBSOCKET_VERSION).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|version| version.trim().parse().ok())
            .collect()
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// The same in the types of the `http` crate.
    pub fn into_http(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
