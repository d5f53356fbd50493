//! A client's request to open a WebSocket.

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

/// A request that has passed every check of RFC 6455 §4.2.1 except that of its
/// origin.
///
/// It owns its head and reads from it, so that nothing is copied unless needed. It can be kept
/// while a decision is made elsewhere. To accept it, [`check`](Self::check) it against an
/// [`OriginPolicy`](crate::OriginPolicy) first; to refuse it, send a [`Rejection`] and close.
pub struct UpgradeRequest {
    head: Vec<u8>,
    leftover: Bytes,
    parts: Parts,
    pub(crate) extended_connect: bool,
}

/// The positions of the parts of a head.
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

/// A checked list, in the head or rewritten outside of it.
#[derive(Debug)]
pub(crate) enum ListText {
    Absent,
    Here(Span),
    Rewritten(Box<[u8]>),
}

impl ListText {
    /// Keeps a list that is a part of the head, or a joined copy of several
    /// lines.
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

    /// Returns the path of the request as sent: never empty, not decoded.
    pub fn path(&self) -> &str {
        let resource = self.text(self.parts.resource);
        match resource.split_once('?').map_or(resource, |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// Returns the query of the request as sent, without its `?`.
    pub fn query(&self) -> Option<&str> {
        let (_, query) = self.text(self.parts.resource).split_once('?')?;
        Some(query)
    }

    /// Returns the host that the client named, with the port if there is one.
    /// The client chooses it: do not trust it without a check.
    pub fn host(&self) -> &str {
        self.text(self.parts.host)
    }

    /// Returns the origin of the page that opens the WebSocket, as sent by
    /// browsers.
    pub fn request_origin(&self) -> RequestOrigin<'_> {
        match self.parts.origin {
            None => RequestOrigin::Absent,
            Some(span) => RequestOrigin::parse(span.get(&self.head)),
        }
    }

    /// Returns the subprotocols that the client offers, in order of preference.
    pub fn offered_protocols(&self) -> Protocols<'_> {
        Protocols::new(self.parts.protocols.get(&self.head))
    }

    /// Returns the extensions that the client offers, in order of preference.
    /// An extension may appear several times with different parameters.
    pub fn offered_extensions(&self) -> Extensions<'_> {
        let text = self.parts.extensions.get(&self.head);
        Extensions::new(str::from_utf8(text).unwrap_or_default())
    }

    /// Returns the value of the first header with this name, ignoring ASCII
    /// case, without surrounding blanks.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers();
        let (_, value) = headers.find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Returns the value of the first header with this name as text. `None`
    /// also if it is not UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.header(name)?).ok()
    }

    /// Returns the value of the first cookie with this name (RFC 6265 §4.2.1),
    /// from one or several `Cookie` lines. The name is compared with its case.
    /// The value is as sent: quotes are part of it, and nothing is decoded.
    /// `None` also if it is not UTF-8.
    ///
    /// Browsers send cookies along for pages of other sites too, so a request
    /// that is let in by a cookie needs the check of its origin.
    ///
    /// ```
    /// # use wskit_handshake::UpgradeRequest;
    /// # let request = http::Request::get("/chat")
    /// #     .header("host", "example.com")
    /// #     .header("upgrade", "websocket")
    /// #     .header("connection", "upgrade")
    /// #     .header("sec-websocket-version", "13")
    /// #     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    /// #     .header("cookie", "theme=dark; session=42")
    /// #     .body(())
    /// #     .unwrap();
    /// # let request = UpgradeRequest::from_http(&request).unwrap();
    /// // Cookie: theme=dark; session=42
    /// assert_eq!(request.cookie("session"), Some("42"));
    /// ```
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers()
            .filter(|(header, _)| header.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, line)| line.split(|&byte| byte == b';'))
            .filter_map(|pair| {
                let equals = pair.iter().position(|&byte| byte == b'=')?;
                let (name, value) = pair.split_at_checked(equals)?;
                Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
            })
            .find(|(found, _)| *found == name.as_bytes())?;
        str::from_utf8(value).ok()
    }

    /// Returns all headers in order, one for each line.
    pub fn headers(&self) -> Headers<'_> {
        Headers::of_head(&self.head)
    }

    /// Returns the bytes after the head: frames of a client that did not wait
    /// for the response. [`Accepted::leftover`](crate::Accepted) returns them
    /// too.
    pub fn leftover(&self) -> &[u8] {
        &self.leftover
    }

    /// Builds the request in the types of the `http` crate.
    pub fn to_http(&self) -> http::Request<()> {
        let mut request = http::Request::new(());
        // The target was checked to be a valid `http::Uri`.
        if let Ok(uri) = self.text(self.parts.target).try_into() {
            *request.uri_mut() = uri;
        }
        *request.headers_mut() = self.headers().to_map();
        request
    }

    /// Refuses the request. Returns the bytes to send before closing (§4.2.2).
    /// What the client sent after its request is dropped.
    pub fn reject(self, rejection: &Rejection) -> Vec<u8> {
        rejection.to_bytes()
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.parts.key.get(&self.head)
    }

    pub(crate) fn into_leftover(self) -> Bytes {
        self.leftover
    }

    /// Returns a part that was checked to be ASCII.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(span.get(&self.head)).unwrap_or_default()
    }
}

/// Shows only the request line: headers may hold cookies and tokens.
impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("path", &self.path())
            .field("host", &self.host())
            .field("leftover", &self.leftover.len())
            .finish_non_exhaustive()
    }
}
