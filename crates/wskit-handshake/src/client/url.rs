//! ws and wss URLs (RFC 6455 §3 and §11.1).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a URL, and numbers of at most five decimal or two hexadecimal digits"
)]

use core::net::Ipv6Addr;

use crate::error::RequestError;
use crate::http::authority::{HOST, default_port, is_resource_byte, parse_port};
use crate::http::token::ByteSet;

/// Where a URL leads, in the form that goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) secure: bool,
    /// Lower case; an IPv6 literal keeps its brackets, and has no zone.
    pub(crate) host: String,
    /// RFC 6874: the network that a link-local address is on, by name or number.
    pub(crate) zone: Option<String>,
    pub(crate) port: u16,
    /// §3: path, and query when there is one.
    pub(crate) resource: String,
    /// User name and password, decoded.
    pub(crate) credentials: Option<Credentials>,
}

/// `user` and `password` of a URL, percent-decoded.
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
        // Neither is part of any URL; in a request line they would end it.
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7F) {
            return Err(RequestError::InvalidCharacter);
        }
        // §3: two schemes, case ignored.
        let (scheme, rest) = url.split_once("://").ok_or(RequestError::Scheme)?;
        let secure = match () {
            () if scheme.eq_ignore_ascii_case("ws") => false,
            () if scheme.eq_ignore_ascii_case("wss") => true,
            () => return Err(RequestError::Scheme),
        };
        // §3: "#" never begins a fragment here, and is %23 elsewhere.
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

    /// §4.1 item 4: host, and the port unless it is the default one. The zone of an
    /// IPv6 address means nothing to the server and stays here (RFC 6874 §1).
    pub(crate) fn authority(&self) -> String {
        format!("{}{}", self.host, self.written_port())
    }

    /// The URL without credentials, written in one way only.
    pub(crate) fn to_url(&self) -> String {
        format!("{}{}", self.origin_url(), self.resource)
    }

    /// The URL up to its path.
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

    /// Whether both lead to one server by one way.
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
        // Other characters make other parsers find another host: to browsers a
        // backslash ends the authority.
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

/// Splits and checks `host[:port]`; an empty port means the default one
/// (RFC 3986 §3.2.3). The zone of an IPv6 address stands apart.
fn split_authority(text: &str) -> Result<(String, Option<String>, Option<u16>), RequestError> {
    // §11.1 asks for the IDNA form; turning a name into it needs tables that
    // this crate does not carry, and sending it raw is forbidden.
    if !text.is_ascii() {
        return Err(RequestError::NonAsciiHost);
    }
    let (host, zone, port) = if let Some(rest) = text.strip_prefix('[') {
        let (literal, port) = rest.split_once(']').ok_or(RequestError::InvalidHost)?;
        // RFC 6874 §2. Names of interfaces with other characters have a number.
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

/// §3: the path, `/` when empty, and `?` with the query when there is one.
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

/// §11.1: what a URL cannot carry is percent-encoded as UTF-8. What is encoded
/// already stays as it is.
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

/// RFC 3986 §3.2.1; a percent sign is looked at when it is decoded.
static USERINFO: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=:%");
