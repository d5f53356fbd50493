//! A client's request to open a WebSocket.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the place after a byte that was found"
)]

use std::borrow::Cow;
use std::fmt;
use std::str;

use bytes::Bytes;

use crate::http::extensions::Extensions;
use crate::http::head::Span;
use crate::http::headers::Headers;
use crate::http::token::Protocols;
use crate::server::origin::RequestOrigin;
use crate::server::reject::Rejection;

/// A request that has passed every check of RFC 6455 §4.2.1, its origin aside.
///
/// It owns its head and answers from there, so nothing is copied until it is
/// asked for. It is a plain value: keep it while a decision is made elsewhere.
/// To accept it, [`check`](Self::check) it against an [`OriginPolicy`](crate::OriginPolicy) first;
/// to refuse it, send a [`Rejection`] and close.
pub struct UpgradeRequest {
    head: Vec<u8>,
    leftover: Bytes,
    parts: Parts,
    pub(crate) extended_connect: bool,
}

/// Where things lie in the head.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) target: Span,
    pub(crate) resource: Span,
    pub(crate) host: Span,
    pub(crate) origin: Option<Span>,
    pub(crate) key: Span,
    pub(crate) protocols: ListText,
    pub(crate) extensions: ListText,
}

/// A checked list: in the head, or apart from it when it had to be rewritten.
#[derive(Debug)]
pub(crate) enum ListText {
    Absent,
    Here(Span),
    Rewritten(Box<[u8]>),
}

impl ListText {
    /// A list that lies in the head, or is a joint copy of several lines.
    pub(crate) fn new(list: Cow<'_, [u8]>, head: &[u8]) -> Self {
        match list {
            Cow::Borrowed(line) => Self::Here(Span::of(line, head)),
            Cow::Owned(joined) => Self::Rewritten(joined.into()),
        }
    }

    fn get<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Absent => &[],
            Self::Here(span) => span.get(head),
            Self::Rewritten(text) => text,
        }
    }
}

impl UpgradeRequest {
    pub(crate) fn new(head: Vec<u8>, leftover: Bytes, parts: Parts) -> Self {
        Self {
            head,
            leftover,
            parts,
            extended_connect: false,
        }
    }

    /// The path of the request, as it was sent: never empty, not decoded.
    pub fn path(&self) -> &str {
        let resource = self.text(self.parts.resource);
        match resource.split_once('?').map_or(resource, |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// The query of the request without its `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        let (_, query) = self.text(self.parts.resource).split_once('?')?;
        Some(query)
    }

    /// The host that the client called, with the port if it gave one. The
    /// client chose it: do not take it for one of yours without looking.
    pub fn host(&self) -> &str {
        self.text(self.parts.host)
    }

    /// The origin of the page that opens the WebSocket, if a browser says so.
    pub fn origin(&self) -> RequestOrigin<'_> {
        match self.parts.origin {
            None => RequestOrigin::Absent,
            Some(span) => RequestOrigin::parse(span.get(&self.head)),
        }
    }

    /// The subprotocols that the client offers, best first.
    pub fn protocols(&self) -> Protocols<'_> {
        Protocols::new(self.parts.protocols.get(&self.head))
    }

    /// The extensions that the client offers, best first. An extension may
    /// come several times with other parameters.
    pub fn extensions(&self) -> Extensions<'_> {
        let text = self.parts.extensions.get(&self.head);
        Extensions::new(str::from_utf8(text).unwrap_or_default())
    }

    /// The first header of this name, ASCII case ignored, without blanks
    /// around its value.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers();
        let (_, value) = headers.find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// As [`header`](Self::header), for text: `None` also when the value is not
    /// UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.header(name)?).ok()
    }

    /// All headers in their order, each line by itself.
    pub fn headers(&self) -> Headers<'_> {
        Headers::of_head(&self.head)
    }

    /// The bytes that came behind the head: frames of a client that did not
    /// wait for the answer. They come back in
    /// [`Accepted::leftover`](crate::Accepted).
    pub fn leftover(&self) -> &[u8] {
        &self.leftover
    }

    /// The request in the types of the `http` crate, made anew by each call.
    pub fn to_http(&self) -> http::Request<()> {
        let mut request = http::Request::new(());
        // The target was checked against what `http` takes.
        if let Ok(uri) = self.text(self.parts.target).try_into() {
            *request.uri_mut() = uri;
        }
        *request.headers_mut() = self.headers().to_map();
        request
    }

    /// Refuses the request: the bytes to send before closing (§4.2.2). What the
    /// client sent behind its request is dropped unread.
    pub fn reject(self, rejection: &Rejection) -> Vec<u8> {
        rejection.to_bytes()
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.parts.key.get(&self.head)
    }

    pub(crate) fn into_leftover(self) -> Bytes {
        self.leftover
    }

    /// A part that was checked to be ASCII.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(span.get(&self.head)).unwrap_or_default()
    }
}

/// Shows the request line only: headers hold cookies and tokens.
impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("path", &self.path())
            .field("host", &self.host())
            .field("leftover", &self.leftover.len())
            .finish_non_exhaustive()
    }
}
