//! The Origin header (RFC 6454, RFC 6455 §10.2).

use std::fmt;
use std::str;

use crate::http::authority::split_host;

/// The Origin header of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestOrigin<'a> {
    /// There is no header: the client is not a browser, or pretends not to be
    /// one.
    Absent,
    /// `null`: a page that does not name its origin.
    Null,
    /// A page of this origin.
    Site(WebOrigin<'a>),
    /// Any other value, unchanged.
    Invalid(&'a [u8]),
}

impl<'a> RequestOrigin<'a> {
    pub(crate) fn parse(value: &'a [u8]) -> Self {
        if value == b"null" {
            return Self::Null;
        }
        match str::from_utf8(value).ok().and_then(WebOrigin::parse) {
            Some(origin) => Self::Site(origin),
            None => Self::Invalid(value),
        }
    }
}

/// The scheme, host and port of a page (RFC 6454 §4). Two origins are equal if
/// all three are.
#[derive(Debug, Clone, Copy)]
pub struct WebOrigin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> WebOrigin<'a> {
    /// Parses `scheme "://" host [ ":" port ]`. User info, a path and
    /// characters beyond ASCII (browsers send the IDNA form) are not accepted.
    /// Only `file://` may have no host.
    pub fn parse(text: &'a str) -> Option<Self> {
        // A scheme has no colon, so the first one ends it.
        let (scheme, rest) = text.split_at_checked(text.bytes().position(|byte| byte == b':')?)?;
        let rest = rest.strip_prefix("://")?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let web = matches!(scheme, "https" | "http");
        if !web
            && (!scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                || !scheme.bytes().all(known))
        {
            return None;
        }
        let (host, port) = match rest {
            "" if scheme.eq_ignore_ascii_case("file") => ("", None),
            rest => split_host(rest)?,
        };
        Some(Self { scheme, host, port })
    }

    /// Returns the scheme as written.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Returns the host as written; an IPv6 literal has its brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Returns the port, or the default port of the scheme.
    pub fn port(&self) -> Option<u16> {
        self.port.or_else(|| self.default_port())
    }

    fn default_port(&self) -> Option<u16> {
        let is = |scheme: &str| self.scheme.eq_ignore_ascii_case(scheme);
        match () {
            () if is("https") || is("wss") => Some(443),
            () if is("http") || is("ws") => Some(80),
            () => None,
        }
    }

    /// Returns whether the `Host` of a request, with or without a port, is this
    /// origin.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        let is = |scheme: &str| self.scheme.eq_ignore_ascii_case(scheme);
        let Some((host, port)) = split_host(host) else {
            return false;
        };
        (is("http") || is("https"))
            && self.host.eq_ignore_ascii_case(host)
            && self.port() == port.or_else(|| self.default_port())
    }
}

impl PartialEq for WebOrigin<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port() == other.port()
    }
}

impl Eq for WebOrigin<'_> {}

impl fmt::Display for WebOrigin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}
