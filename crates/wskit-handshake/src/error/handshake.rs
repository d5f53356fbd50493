//! Errors of the peer.

use std::error::Error;
use std::fmt;

use crate::error::ExtensionError;
use crate::error::NotHttp;
use crate::error::Refusal;

/// Why the opening handshake failed.
///
/// A server sends the bytes of [`rejection`](Self::rejection), if there is one,
/// and closes the connection. A client closes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The head is longer than
    /// [`max_head_bytes`](crate::HeadLimits::max_head_bytes).
    HeadTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more header lines than
    /// [`max_headers`](crate::HeadLimits::max_headers).
    TooManyHeaders {
        /// The limit in lines.
        limit: usize,
    },
    /// The head is not HTTP/1.x.
    Malformed(HeadFault),
    /// The HTTP version is not 1.1, which an upgrade needs (§4.1, §4.2.1).
    HttpVersion,
    /// A header that is allowed only once appeared more than once (§11.3; RFC
    /// 9112 §3.2 for Host). Contains its name.
    DuplicateHeader(&'static str),
    /// No `Upgrade` header (§4.2.1 item 3, §4.1 response item 2).
    MissingUpgrade,
    /// The `Upgrade` header does not name `websocket`.
    InvalidUpgrade,
    /// No `Connection` header (§4.2.1 item 4, §4.1 response item 3). Proxies
    /// that do not support upgrades remove it.
    MissingConnection,
    /// The `Connection` header does not contain the token `Upgrade`.
    InvalidConnection,
    /// The `Sec-WebSocket-Extensions` header breaks the grammar of §9.1.
    InvalidExtensions(ExtensionError),
    /// The stream ended before the handshake was complete.
    UnexpectedEof {
        /// The number of bytes received of the incomplete head. 0 means that
        /// the peer closed without sending anything, as port scanners and
        /// health checks do.
        received: usize,
    },
    /// A caller's mistake: `receive` was called after the end of the handshake.
    Finished,

    /// Server: an upgrade request whose method is not GET (§4.2.1 item 1).
    Method,
    /// Server: the request target is neither a path nor an absolute http URI.
    InvalidTarget,
    /// Server: no `Host` header (§4.2.1 item 2).
    MissingHost,
    /// Server: the `Host` header is empty or not a host with an optional port.
    InvalidHost,
    /// Server: no `Sec-WebSocket-Key` header (§4.2.1 item 5).
    MissingKey,
    /// Server: the key does not consist of 22 characters of base64 and `==`,
    /// the form of 16 bytes.
    InvalidKey,
    /// Server: no `Sec-WebSocket-Version` header (§4.2.1 item 6).
    MissingVersion,
    /// Server: the version is not 13 (§4.4).
    UnsupportedVersion,
    /// Server: the `Sec-WebSocket-Protocol` header is not a list of tokens.
    InvalidProtocols,
    /// Server: the upgrade request announces a body, which can be used for
    /// request smuggling.
    RequestBody,

    /// Client: the server does not speak HTTP. Contains the beginning of its response. Typical
    /// causes are a wrong port, or `ws` instead of `wss`.
    NotHttp(NotHttp),
    /// Client: the server responded with a status other than 101. Contains
    /// status, headers and the beginning of the body.
    Refused(Box<Refusal>),
    /// Client: more 1xx responses than
    /// [`max_interim_responses`](crate::HeadLimits::max_interim_responses).
    TooManyInterimResponses {
        /// The limit in responses.
        limit: usize,
    },
    /// Client: no `Sec-WebSocket-Accept` header (§4.1 response item 4).
    MissingAccept,
    /// Client: the accept value does not match the key that was sent.
    InvalidAccept,
    /// Client: the server selected a subprotocol that was not offered (§4.1
    /// response item 6).
    ProtocolNotOffered,
    /// Client: the server selected an extension that was not offered (§4.1
    /// response item 5). Names are case-sensitive.
    ExtensionNotOffered,
    /// Client: the server selected an extension twice.
    ExtensionRepeated,
    /// Client: the 101 announces a body with a `Content-Length` other than 0.
    ResponseBody,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadTooLong { limit } => return write!(f, "head longer than {limit} bytes"),
            Self::TooManyHeaders { limit } => return write!(f, "more than {limit} header lines"),
            Self::Malformed(fault @ HeadFault::Tls) => return fault.fmt(f),
            Self::Malformed(fault) => return write!(f, "malformed HTTP head: {fault}"),
            Self::HttpVersion => "an upgrade requires HTTP/1.1",
            Self::DuplicateHeader(name) => return write!(f, "more than one {name} header"),
            Self::MissingUpgrade => "no Upgrade header",
            Self::InvalidUpgrade => "the Upgrade header does not name websocket",
            Self::MissingConnection => "no Connection header (a proxy may not support WebSocket)",
            Self::InvalidConnection => {
                "the Connection header does not name Upgrade \
                 (a proxy may not support WebSocket)"
            }
            Self::InvalidExtensions(error) => {
                return write!(f, "malformed Sec-WebSocket-Extensions header: {error}");
            }
            Self::UnexpectedEof { received: 0 } => "connection closed before the handshake",
            Self::UnexpectedEof { .. } => "connection closed during the handshake",
            Self::Finished => "the handshake has already ended",
            Self::Method => "the method must be GET",
            Self::InvalidTarget => "invalid request target",
            Self::MissingHost => "no Host header",
            Self::InvalidHost => "invalid Host header",
            Self::MissingKey => "no Sec-WebSocket-Key header",
            Self::InvalidKey => "the Sec-WebSocket-Key header is not 16 bytes in base64",
            Self::MissingVersion => "no Sec-WebSocket-Version header, expected 13",
            Self::UnsupportedVersion => "unsupported Sec-WebSocket-Version, expected 13",
            Self::InvalidProtocols => "malformed Sec-WebSocket-Protocol header",
            Self::RequestBody => "an upgrade request must not have a body",
            Self::NotHttp(answer) => return write!(f, "the server does not speak HTTP: {answer}"),
            Self::Refused(refusal) => {
                write!(f, "the server responded with {}", refusal.status)?;
                let challenge = refusal.challenge();
                if !challenge.is_empty() {
                    write!(f, " (WWW-Authenticate: {challenge})")?;
                }
                if refusal.status.is_success() {
                    f.write_str(", not with 101: there is no WebSocket at this path")?;
                }
                return Ok(());
            }
            Self::TooManyInterimResponses { limit } => {
                return write!(f, "more than {limit} interim responses");
            }
            Self::MissingAccept => "no Sec-WebSocket-Accept header",
            Self::InvalidAccept => "the Sec-WebSocket-Accept header does not match the key",
            Self::ProtocolNotOffered => "the server chose a subprotocol that was not offered",
            Self::ExtensionNotOffered => "the server chose an extension that was not offered",
            Self::ExtensionRepeated => "the server chose an extension twice",
            Self::ResponseBody => "the 101 response announces a body",
        })
    }
}

/// `Display` includes the inner error, which has no source of its own.
impl Error for HandshakeError {}

/// How a head violates HTTP/1.x. Leniency is not safe: two machines on the path
/// could read two different requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadFault {
    /// Server: the first byte cannot begin a request.
    NotHttp,
    /// Server: the first byte is that of a TLS handshake. The client has
    /// connected to the port without TLS, and may have written `wss` instead of
    /// `ws`.
    Tls,
    /// There is a blank line before the first line.
    LeadingBlankLine,
    /// A line ends in LF without CR.
    BareLf,
    /// The request line or status line is invalid.
    StartLine,
    /// A header name is invalid: not a token, empty, followed by a blank, or
    /// part of a folded line.
    HeaderName,
    /// A header value is invalid: it contains a control character such as NUL,
    /// or a CR without LF.
    HeaderValue,
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "not HTTP",
            Self::Tls => {
                "this looks like a TLS handshake, and no TLS is spoken here: the client may have \
                 written wss:// for ws://"
            }
            Self::LeadingBlankLine => "blank line at the start",
            Self::BareLf => "line feed without carriage return",
            Self::StartLine => "invalid first line",
            Self::HeaderName => "invalid header name",
            Self::HeaderValue => "invalid header value",
        })
    }
}
