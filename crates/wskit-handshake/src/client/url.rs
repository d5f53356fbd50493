//! ws and wss URLs (RFC 6455 §3 and §11.1).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a URL, and numbers of at most five decimal or two hexadecimal digits"
)]

use core::net::Ipv6Addr;

use crate::error::RequestError;
use crate::http::authority::{HOST, default_port, is_resource_byte, parse_port};
use crate::http::token::ByteSet;

/// A parsed URL, in the form that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) secure: bool,
    /// The host in lower case. An IPv6 literal has its brackets and no zone.
    pub(crate) host: String,
    /// RFC 6874: the zone of a link-local address, an interface name or number.
    pub(crate) zone: Option<String>,
    pub(crate) port: u16,
    /// §3: the path, and the query if there is one.
    pub(crate) resource: String,
    /// User name and password, percent-decoded.
    pub(crate) credentials: Option<Credentials>,
}

/// User name and password of a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, RequestError> {
        // Neither is allowed in a URL, and both would end the request line or
        // its target.
        let is_forbidden = |byte| byte <= b' ' || byte == 0x7F;
        if let Some(at) = url.bytes().position(is_forbidden) {
            return Err(invalid_character(url, at));
        }
        // §3: two schemes, in any case.
        let (scheme, rest) = cut(url, "://").ok_or(RequestError::Scheme)?;
        let secure = match () {
            () if scheme.eq_ignore_ascii_case("ws") => false,
            () if scheme.eq_ignore_ascii_case("wss") => true,
            () => return Err(RequestError::Scheme),
        };
        // §3: there are no fragments, and "#" elsewhere is written as %23.
        if rest.as_bytes().contains(&b'#') {
            return Err(RequestError::Fragment);
        }
        let (authority, resource) = rest.split_at(end_before(rest, b"/?"));
        let (userinfo, host_port) = match authority.bytes().rposition(|byte| byte == b'@') {
            Some(at) => (
                authority.get(..at),
                authority.get(at + 1..).unwrap_or_default(),
            ),
            None => (None, authority),
        };
        // The parts follow one another to the end of the URL.
        let is_at = |part: &str, after: &str, at| {
            invalid_character(url, url.len() - after.len() - part.len() + at)
        };
        let credentials = match userinfo {
            Some(userinfo) => {
                let begin = url.len() - rest.len();
                check_userinfo(userinfo).map_err(|at| invalid_character(url, begin + at))?;
                Some(Credentials::parse(userinfo)?)
            }
            None => None,
        };
        let (host, zone, port) = split_authority(host_port, |at| is_at(host_port, resource, at))?;
        let resource = resource_name(resource).map_err(|at| is_at(resource, "", at))?;
        Ok(Self {
            secure,
            host,
            zone,
            port: port.unwrap_or(default_port(secure)),
            resource,
            credentials,
        })
    }

    /// Returns the host, and the port unless it is the default one (§4.1 item 4). The zone of an
    /// IPv6 address has only local meaning and is not sent (RFC 6874 §1).
    pub(crate) fn authority(&self) -> String {
        format!("{}{}", self.host, self.written_port())
    }

    /// Returns the URL without credentials, in normalized form.
    pub(crate) fn to_url(&self) -> String {
        format!("{}{}", self.origin_url(), self.resource)
    }

    /// Returns the URL up to its path.
    pub(crate) fn origin_url(&self) -> String {
        let (scheme, port) = (self.scheme(), self.written_port());
        match (&self.zone, self.host.strip_suffix(']')) {
            (Some(zone), Some(host)) => format!("{scheme}://{host}%25{zone}]{port}"),
            _ => format!("{scheme}://{}{port}", self.host),
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "wss" } else { "ws" }
    }

    /// Returns whether both have the same scheme, host, zone and port.
    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        let place = |target: &Self| (target.secure, target.port);
        place(self) == place(other) && self.host == other.host && self.zone == other.zone
    }

    fn written_port(&self) -> String {
        match self.port {
            port if port == default_port(self.secure) => String::new(),
            port => format!(":{port}"),
        }
    }
}

impl Credentials {
    /// Reads the part of a URL that [`check_userinfo`] has checked.
    fn parse(userinfo: &str) -> Result<Self, RequestError> {
        let (user, password) = cut(userinfo, ":").unwrap_or((userinfo, ""));
        Self::new(percent_decode(user), percent_decode(password))
    }

    /// RFC 7617 §2: no colon in the user name, no control character in either.
    pub(crate) fn new(user: Vec<u8>, password: Vec<u8>) -> Result<Self, RequestError> {
        let bad = |text: &[u8]| text.iter().any(u8::is_ascii_control);
        if user.contains(&b':') || bad(&user) || bad(&password) {
            return Err(RequestError::InvalidCredentials);
        }
        Ok(Self { user, password })
    }
}

/// Splits a text before and after the first `mark`. Less code than the searches of `str`.
fn cut<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let mut places = text.as_bytes().windows(mark.len());
    let at = places.position(|place| place == mark.as_bytes())?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// Returns the position of the first of `marks`, or the end.
fn end_before(text: &str, marks: &[u8]) -> usize {
    let mut bytes = text.bytes();
    let at = bytes.position(|byte| marks.contains(&byte));
    at.unwrap_or(text.len())
}

/// Returns the error for the character at this byte of a URL. Characters of the user name and the
/// password are not told.
pub(crate) fn invalid_character(url: &str, position: usize) -> RequestError {
    let (_, rest) = cut(url, "://").unwrap_or(("", url));
    let begin = url.len() - rest.len();
    let (authority, _) = rest.split_at(end_before(rest, b"/?#"));
    let userinfo = authority
        .bytes()
        .rposition(|byte| byte == b'@')
        .unwrap_or(0);
    let is_secret = (begin..begin + userinfo).contains(&position);
    let character = url.get(position..).and_then(|rest| rest.chars().next());
    RequestError::InvalidCharacter {
        character: character.filter(|_| !is_secret),
        position,
    }
}

/// Splits and checks `host[:port]`. An empty port means the default one (RFC
/// 3986 §3.2.3). Returns the zone of an IPv6 address apart. `is_at` makes the
/// error for a character of `text`.
fn split_authority(
    text: &str,
    is_at: impl Fn(usize) -> RequestError,
) -> Result<(String, Option<String>, Option<u16>), RequestError> {
    // §11.1 asks for the IDNA form and forbids the raw name. The conversion
    // needs tables that this crate does not include.
    if !text.is_ascii() {
        return Err(RequestError::NonAsciiHost);
    }
    let (host, zone, port) = if let Some(rest) = text.strip_prefix('[') {
        let (literal, port) = cut(rest, "]").ok_or(RequestError::InvalidHost)?;
        // RFC 6874 §2. Interfaces whose names have other characters can be
        // given by number.
        let (address, zone) = match cut(literal, "%25") {
            Some((_, zone)) if zone.is_empty() || !HOST.holds_all(zone.as_bytes()) => {
                return Err(RequestError::InvalidHost);
            }
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (literal, None),
        };
        let _: Ipv6Addr = address.parse().map_err(|_| RequestError::InvalidHost)?;
        (format!("[{address}]"), zone, port)
    } else {
        let (host, port) = text.split_at(end_before(text, b":"));
        if let Some(at) = host.bytes().position(|byte| !HOST.holds(byte)) {
            return Err(is_at(at));
        }
        (host.to_owned(), None, port)
    };
    if host.is_empty() {
        return Err(RequestError::EmptyHost);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(RequestError::InvalidHost),
        Some("") => None,
        Some(digits) => Some(parse_port(digits).ok_or(RequestError::InvalidPort)?),
    };
    Ok((host.to_ascii_lowercase(), zone, port))
}

/// Returns the resource name of §3: the path, `/` if empty, and `?` with the
/// query if there is one. The error is the position of a percent sign without
/// digits.
fn resource_name(text: &str) -> Result<String, usize> {
    let (path, query) = cut(text, "?").unwrap_or((text, ""));
    let mut resource = String::with_capacity(text.len() + 1);
    if path.is_empty() {
        resource.push('/');
    }
    encode(&mut resource, path)?;
    if !query.is_empty() {
        resource.push('?');
        encode(&mut resource, query).map_err(|at| path.len() + 1 + at)?;
    }
    Ok(resource)
}

/// §11.1: percent-encodes as UTF-8 what is not allowed in a URL. What is
/// already encoded is kept. The error is the position of a percent sign without
/// digits.
fn encode(out: &mut String, text: &str) -> Result<(), usize> {
    if let Some(at) = bare_percent(text.as_bytes()) {
        return Err(at);
    }
    for byte in text.bytes() {
        if byte == b'%' || is_resource_byte(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(hex_digit(byte >> 4));
            out.push(hex_digit(byte & 0xF));
        }
    }
    Ok(())
}

/// Returns the position of the first percent sign without two hexadecimal digits.
fn bare_percent(text: &[u8]) -> Option<usize> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    (0..text.len()).find(|&at| {
        let is_encoded = is_digit(text.get(at + 1)) && is_digit(text.get(at + 2));
        text.get(at) == Some(&b'%') && !is_encoded
    })
}

/// Returns the position of the first byte that must be percent-encoded in a user name or password.
///
/// Other parsers find another host with other characters: browsers end the authority at a
/// backslash.
fn check_userinfo(text: &str) -> Result<(), usize> {
    let outside = text.bytes().position(|byte| !USERINFO.holds(byte));
    match outside.or_else(|| bare_percent(text.as_bytes())) {
        Some(at) => Err(at),
        None => Ok(()),
    }
}

/// Decodes text without a [`bare_percent`].
fn percent_decode(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default();
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return decoded,
            [b'%', high, low, tail @ ..] => {
                decoded.push((digit(*high) * 16 + digit(*low)) as u8);
                tail
            }
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
        };
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

/// RFC 3986 §3.2.1. A percent sign is checked apart.
static USERINFO: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=:%");
