//! A refusing response, received by a client.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{HeaderMap, LOCATION, SEC_WEBSOCKET_VERSION, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

/// How many characters of the challenges are in the text of an error.
const CHALLENGE_SHOWN: usize = 128;

/// A final response other than 101 (RFC 6455 §4.1: handle it as HTTP says).
///
/// It is only reported: redirects are not followed (see
/// [`ClientRequest::redirected_to`](crate::ClientRequest::redirected_to)) and
/// no password is requested.
///
/// ```
/// use wskit_handshake::{HandshakeError, Refusal};
///
/// fn explain(error: &HandshakeError) -> String {
///     let HandshakeError::Refused(refusal) = error else {
///         return error.to_string();
///     };
///     // `status` is an `http::StatusCode`, which compares with numbers.
///     if refusal.status == 401 {
///         return "log in again".to_owned();
///     }
///     let text = String::from_utf8_lossy(&refusal.body);
///     format!("the server answered {}: {text}", refusal.status)
/// }
/// ```
///
/// With a connection, `OpenError::refusal` and the errors of `connect` return it:
/// `error.refusal().is_some_and(|refusal| refusal.status == 401)`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, never 101.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body received so far, with its chunked encoding removed, up to
    /// [`max_body_bytes`](crate::HeadLimits::max_body_bytes).
    pub body: Bytes,
    /// Whether `body` is complete. It is not if it is longer than the limit, if
    /// the connection broke, or if it was no longer waited for.
    pub body_is_complete: bool,
}

impl Refusal {
    pub(crate) fn without_body(status: StatusCode, headers: HeaderMap) -> Self {
        Self {
            status,
            headers,
            body: Bytes::new(),
            body_is_complete: false,
        }
    }

    /// Returns the WebSocket versions that the server supports (§4.4), from one
    /// or several header lines. Anything that is not a version is skipped.
    pub fn supported_versions(&self) -> Vec<u8> {
        let lines = self.headers.get_all(SEC_WEBSOCKET_VERSION).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|version| version.trim().parse().ok())
            .collect()
    }

    /// Returns the beginning of the challenges of a 401 in printable characters;
    /// empty if there are none.
    pub(crate) fn challenge(&self) -> String {
        let mut text = String::new();
        if self.status != StatusCode::UNAUTHORIZED {
            return text;
        }
        for line in self.headers.get_all(WWW_AUTHENTICATE) {
            let comma = if text.is_empty() { "" } else { ", " };
            for byte in comma.bytes().chain(line.as_bytes().iter().copied()) {
                if text.len() >= CHALLENGE_SHOWN {
                    text.push_str("...");
                    return text;
                }
                match byte {
                    b' '..=b'~' => text.push(byte.into()),
                    _ => {
                        let _ = write!(text, "{}", byte.escape_ascii());
                    }
                }
            }
        }
        text
    }

    /// Returns the target of a redirect.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// Converts the refusal to a response of the `http` crate.
    pub fn into_http(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
