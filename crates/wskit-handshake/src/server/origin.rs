//! The Origin header (RFC 6454, RFC 6455 §10.2).

use std::fmt;
use std::str;

use crate::http::authority::split_host;

/// The Origin header of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestOrigin<'a> {
    /// No header: not a browser, or one that lies.
    Absent,
    /// `null`: a page that does not say where it is from.
    Null,
    /// A page of this site.
    Site(WebOrigin<'a>),
    /// Anything else, as it came.
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

/// Scheme, host and port of a page (RFC 6454 §4). Equal when all three are.
#[derive(Debug, Clone, Copy)]
pub struct WebOrigin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> WebOrigin<'a> {
    /// Reads `scheme "://" host [ ":" port ]` and nothing else: no user info,
    /// no path, no character beyond ASCII (a browser sends the IDNA form). Only
    /// `file://` may have no host.
    pub fn parse(text: &'a str) -> Option<Self> {
        // A scheme holds no colon, so the first one ends it.
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

    /// The scheme, as it was written.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The host, as it was written; an IPv6 literal has its brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port, be it written or the default one of the scheme.
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

    /// Whether `host` of a request, with or without its port, is this site.
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
