//! The server's handshake by an HTTP library, which reads the request and
//! writes the response.
//!
//! The request is serialized and read by [`ServerHandshake`], so that every
//! rule exists once and applies however lenient the library is. It costs a copy
//! of the head.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Uri, Version, request};

use crate::Progress;
use crate::error::{HandshakeError, HeadFault};
use crate::http::authority::{default_port, is_same_place};
use crate::http::extensions::ExtensionList;
use crate::http::header::write_lower_case_header;
use crate::http::headers::Headers;
use crate::http::limits::HeadLimits;
use crate::http::token::list_names;
use crate::server::accept::Accept;
use crate::server::full::Incoming;
use crate::server::handshake::ServerHandshake;
use crate::server::reject::Rejection;
use crate::server::request::UpgradeRequest;

impl UpgradeRequest {
    /// Checks a request that an HTTP library has parsed, by the rules of
    /// [`ServerHandshake`]. Limits are up to the library.
    ///
    /// A request that is not an upgrade attempt is
    /// [`HandshakeError::MissingUpgrade`]; [`is_attempt`](Self::is_attempt)
    /// tells in advance. An upgrade attempt over HTTP/2 or HTTP/3 is
    /// [`HandshakeError::HttpVersion`]; see
    /// [`from_extended_connect`](Self::from_extended_connect).
    ///
    /// [`leftover`](Self::leftover) is empty: the library has the bytes after
    /// the request.
    ///
    /// ```
    /// use wskit_handshake::{OriginPolicy, UpgradeRequest};
    /// let request = http::Request::get("/chat")
    ///     .header("host", "example.com")
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "keep-alive, Upgrade")
    ///     .header("sec-websocket-version", "13")
    ///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .body(())?;
    /// let request = UpgradeRequest::from_http(&request)?;
    /// let response = match request.check(&OriginPolicy::SameOrigin) {
    ///     Ok(checked) => checked.accept().finish_http().response,
    ///     Err(forbidden) => forbidden.into_http().map(|_body| ()),
    /// };
    /// assert_eq!(response.status(), 101);
    /// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_http<'a>(request: impl Into<RequestHead<'a>>) -> Result<Self, HandshakeError> {
        let head = request.into();
        // First, as a request that is no attempt is fine in any version.
        if !Self::is_attempt(head.headers) {
            return Err(HandshakeError::MissingUpgrade);
        }
        upgrade(head.method, head.uri, head.version, head.headers)
    }

    /// Checks a request for a WebSocket over HTTP/2 or HTTP/3: a CONNECT with
    /// the pseudo-header `:protocol` (RFC 8441 §4, RFC 9220 §3). The library
    /// keeps its value in a type of its own; pass it as `protocol`.
    ///
    /// The request is converted to HTTP/1.1, as by a gateway, and then checked.
    /// The resource comes from `:path` and the host from `:authority`.
    /// `Upgrade`, `Connection` and `Sec-WebSocket-Key`, which do not exist
    /// there (RFC 8441 §5), are added. [`Accept::finish_http`] answers it with
    /// 200.
    ///
    /// Errors are those of [`from_http`](Self::from_http), and
    /// [`HandshakeError::Method`] if the method is not CONNECT,
    /// [`HandshakeError::InvalidUpgrade`] if the protocol is not `websocket`,
    /// [`HandshakeError::InvalidTarget`] without `:scheme` or `:path`,
    /// [`HandshakeError::Malformed`] with `Upgrade` or `Connection`, and
    /// [`HandshakeError::HttpVersion`] before HTTP/2.
    pub fn from_extended_connect<'a>(
        request: impl Into<RequestHead<'a>>,
        protocol: &str,
    ) -> Result<Self, HandshakeError> {
        let head = request.into();
        if head.version < Version::HTTP_2 {
            return Err(HandshakeError::HttpVersion);
        }
        if head.method != Method::CONNECT {
            return Err(HandshakeError::Method);
        }
        if !protocol.eq_ignore_ascii_case("websocket") {
            return Err(HandshakeError::InvalidUpgrade);
        }
        // RFC 8441 §5, RFC 9113 §8.2.2: neither exists there.
        if head.headers.contains_key(UPGRADE) || head.headers.contains_key(CONNECTION) {
            return Err(HandshakeError::Malformed(HeadFault::HeaderName));
        }
        // RFC 8441 §4: both must be there.
        let (Some(_), Some(path)) = (head.uri.scheme(), head.uri.path_and_query()) else {
            return Err(HandshakeError::InvalidTarget);
        };
        let mut headers = head.headers.clone();
        // RFC 9113 §8.3.1: `:authority` replaces Host. A Host that differs
        // becomes a second one, which is refused.
        if let Some(authority) = head.uri.authority().map(http::uri::Authority::as_str) {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok());
            let default = default_port(head.uri.scheme() == Some(&Scheme::HTTPS));
            let agrees = |host: &str| is_same_place(host, authority, default);
            if let (false, Ok(value)) = (host.is_some_and(agrees), authority.try_into()) {
                // A full map has no room, and the request then fails the check
                // of Host.
                let _ = headers.try_append(HOST, value);
            }
        }
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static(NO_KEY));
        let path = Uri::from(path.clone());
        let mut request = upgrade(&Method::GET, &path, Version::HTTP_11, &headers)?;
        request.extended_connect = true;
        Ok(request)
    }

    /// Returns whether the headers are those of an upgrade attempt: `Upgrade`
    /// names `websocket`, or there is a `Sec-WebSocket-Key` or
    /// `Sec-WebSocket-Version`. All other requests are plain HTTP.
    pub fn is_attempt(headers: &HeaderMap) -> bool {
        let mut upgrade = headers.get_all(UPGRADE).iter();
        upgrade.any(|line| list_names(line.as_bytes(), b"websocket"))
            || headers.contains_key(SEC_WEBSOCKET_KEY)
            || headers.contains_key(http::header::SEC_WEBSOCKET_VERSION)
    }
}

impl Accept {
    /// Builds the response for an HTTP library to send, with the contents that
    /// [`finish`](Self::finish) writes. It is a 101, or, to a request by
    /// [extended CONNECT](UpgradeRequest::from_extended_connect), a 200 without
    /// upgrade headers (RFC 8441 §5).
    pub fn finish_http(self) -> HttpAccepted {
        let extended_connect = self.request().extended_connect;
        let accepted = self.finish();
        let mut response = Response::new(());
        *response.headers_mut() = Headers::of_head(&accepted.response).to_map();
        if extended_connect {
            for name in [UPGRADE, CONNECTION, http::header::SEC_WEBSOCKET_ACCEPT] {
                response.headers_mut().remove(name);
            }
        } else {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        HttpAccepted {
            response,
            protocol: accepted.protocol,
            extensions: accepted.extensions,
        }
    }
}

/// The head of a request in the types of the `http` crate, borrowed from a
/// [`Request`] or [`request::Parts`].
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
        }
    }
}

impl<'a> From<&'a request::Parts> for RequestHead<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
        }
    }
}

/// The result of a successful handshake whose response an HTTP library sends.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpAccepted {
    /// The response. Send it before any frame.
    pub response: Response<()>,
    /// The subprotocol in use.
    pub protocol: Option<String>,
    /// The extensions in use, in order.
    pub extensions: ExtensionList<'static>,
}

impl Rejection {
    /// Builds the response for an HTTP/1.1 library to send, with the contents
    /// of [`to_bytes`](Self::to_bytes). It has `Connection: close`, which is
    /// not allowed in HTTP/2 and must be removed there.
    pub fn into_http(self) -> Response<Bytes> {
        let head = self.to_bytes();
        let status = self.status();
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = Headers::of_head(&head).to_map();
        // Responses without a body have no length.
        let has_body = response.headers().contains_key(CONTENT_LENGTH);
        response.map(|()| if has_body { self.body } else { Bytes::new() })
    }
}

fn upgrade(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<UpgradeRequest, HandshakeError> {
    let limits = HeadLimits::default()
        .max_head_bytes(usize::MAX)
        .max_headers(usize::MAX);
    let mut head = String::with_capacity(1024);
    // Writing to a String does not fail.
    let _ = write!(head, "{method} {uri} {version:?}\r\n");
    let mut head = head.into_bytes();
    for (name, value) in headers {
        write_lower_case_header(&mut head, name, value);
    }
    head.extend_from_slice(b"\r\n");
    match ServerHandshake::new(limits).receive(&head)? {
        Progress::Done(Incoming::Upgrade(request)) => Ok(request),
        Progress::Done(Incoming::Http(_)) => Err(HandshakeError::MissingUpgrade),
        // Unreachable, as the head ends with a blank line.
        Progress::NeedMore => Err(HandshakeError::Malformed(HeadFault::StartLine)),
    }
}

/// Replaces the key if there is none: 16 zero bytes.
const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
