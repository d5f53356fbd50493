//! Hosts, ports and the bytes of a resource (RFC 3986 §3.2 and §3.3).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a text, and numbers of at most five digits"
)]

use core::net::Ipv6Addr;

use crate::http::token::ByteSet;

/// Splits `host [ ":" port ]`. The host is not empty. An empty port means no
/// port (RFC 3986 §3.2.3).
pub(crate) fn split_host(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => {
            let colon = text.bytes().position(|byte| byte == b':');
            colon.unwrap_or(text.len())
        }
    };
    let (host, port) = text.split_at_checked(end)?;
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let valid = match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && HOST.holds_all(host.as_bytes()),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some("") => None,
        Some(digits) => Some(parse_port(digits)?),
    };
    valid.then_some((host, port))
}

/// Returns whether both mean the same host and port. `default` replaces a
/// missing port.
pub(crate) fn is_same_place(one: &str, other: &str, default: u16) -> bool {
    let split = |text| split_host(text).map(|(host, port)| (host, port.unwrap_or(default)));
    match (split(one), split(other)) {
        (Some((host, port)), Some((other, other_port))) => {
            host.eq_ignore_ascii_case(other) && port == other_port
        }
        _ => false,
    }
}

/// Returns whether `text` is `host [ ":" port ]`, where the host is a name or
/// an IPv4 address. It handles the common forms without a conversion to `str`.
pub(crate) fn is_host_and_port(text: &[u8]) -> bool {
    let end = text.iter().position(|&byte| !HOST.holds(byte));
    match text.split_at_checked(end.unwrap_or(text.len())) {
        Some(([_, ..], [] | [b':'])) => true,
        Some(([_, ..], [b':', port @ ..])) => {
            let value = || {
                port.iter()
                    .fold(0, |value, &digit| value * 10 + u32::from(digit - b'0'))
            };
            (1..=5).contains(&port.len())
                && port.iter().all(u8::is_ascii_digit)
                && (1..=65_535).contains(&value())
        }
        _ => false,
    }
}

/// Parses a decimal port, 1 to 65535.
pub(crate) fn parse_port(digits: &str) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&port| port != 0)
}

/// Returns whether a path or query may contain `byte`: RFC 3986 `pchar`, `/` or
/// `?`, except for the percent sign.
pub(crate) fn is_resource_byte(byte: u8) -> bool {
    RESOURCE.holds(byte)
}

/// Returns the default port (§3): 80 for ws, 443 for wss.
pub(crate) fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The bytes of a registered name in practice: RFC 3986's unreserved set.
/// Percent-encoding and `!$&'()*+,;=` have no meaning in DNS.
pub(crate) static HOST: ByteSet = ByteSet::alphanumeric_and(b"-._~");

static RESOURCE: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=:@/?");
