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
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7F) {
            return Err(RequestError::InvalidCharacter);
        }
        // §3: two schemes, in any case.
        let (scheme, rest) = url.split_once("://").ok_or(RequestError::Scheme)?;
        let secure = match () {
            () if scheme.eq_ignore_ascii_case("ws") => false,
            () if scheme.eq_ignore_ascii_case("wss") => true,
            () => return Err(RequestError::Scheme),
        };
        // §3: there are no fragments, and "#" elsewhere is written as %23.
        if rest.contains('#') {
            return Err(RequestError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(end);
        let (credentials, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(Credentials::parse(userinfo)?), host_port),
            None => (None, authority),
        };
        let (host, zone, port) = split_authority(host_port)?;
        Ok(Self {
            secure,
            host,
            zone,
            port: port.unwrap_or(default_port(secure)),
            resource: resource_name(resource)?,
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
    fn parse(userinfo: &str) -> Result<Self, RequestError> {
        // Other parsers find another host with other characters: browsers end
        // the authority at a backslash.
        if !USERINFO.holds_all(userinfo.as_bytes()) {
            return Err(RequestError::InvalidCharacter);
        }
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Self::new(percent_decode(user)?, percent_decode(password)?)
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

/// Splits and checks `host[:port]`. An empty port means the default one (RFC
/// 3986 §3.2.3). Returns the zone of an IPv6 address apart.
fn split_authority(text: &str) -> Result<(String, Option<String>, Option<u16>), RequestError> {
    // §11.1 asks for the IDNA form and forbids the raw name. The conversion
    // needs tables that this crate does not include.
    if !text.is_ascii() {
        return Err(RequestError::NonAsciiHost);
    }
    let (host, zone, port) = if let Some(rest) = text.strip_prefix('[') {
        let (literal, port) = rest.split_once(']').ok_or(RequestError::InvalidHost)?;
        // RFC 6874 §2. Interfaces whose names have other characters can be
        // given by number.
        let (address, zone) = match literal.split_once("%25") {
            Some((_, zone)) if zone.is_empty() || !HOST.holds_all(zone.as_bytes()) => {
                return Err(RequestError::InvalidHost);
            }
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (literal, None),
        };
        let _: Ipv6Addr = address.parse().map_err(|_| RequestError::InvalidHost)?;
        (format!("[{address}]"), zone, port)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at(end);
        if !HOST.holds_all(host.as_bytes()) {
            return Err(RequestError::InvalidHost);
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
/// query if there is one.
fn resource_name(text: &str) -> Result<String, RequestError> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut resource = String::with_capacity(text.len() + 1);
    if path.is_empty() {
        resource.push('/');
    }
    encode(&mut resource, path)?;
    if !query.is_empty() {
        resource.push('?');
        encode(&mut resource, query)?;
    }
    Ok(resource)
}

/// §11.1: percent-encodes as UTF-8 what is not allowed in a URL. What is
/// already encoded is kept.
fn encode(out: &mut String, text: &str) -> Result<(), RequestError> {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => match tail {
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    out.push('%');
                }
                _ => return Err(RequestError::InvalidCharacter),
            },
            &byte if is_resource_byte(byte) => out.push(char::from(byte)),
            &byte => {
                out.push('%');
                out.push(hex_digit(byte >> 4));
                out.push(hex_digit(byte & 0xF));
            }
        }
    }
    Ok(())
}

fn percent_decode(text: &str) -> Result<Vec<u8>, RequestError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return Err(RequestError::InvalidCharacter);
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Err(RequestError::InvalidCharacter);
        };
        decoded.push((high * 16 + low) as u8);
        rest = tail;
    }
    Ok(decoded)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

/// RFC 3986 §3.2.1. A percent sign is checked by the decoder.
static USERINFO: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=:%");
