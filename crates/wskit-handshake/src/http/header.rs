//! Writes and checks header lines.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::Header;

use crate::error::{HandshakeError, HeadFault, HeaderError};

/// Writes a header line and capitalizes the words of its name.
///
/// Names are case-insensitive (RFC 9110 §5.1), and the `http` crate keeps them
/// in lower case. Some servers and clients still expect the usual spelling.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let mut words = name.as_str().split('-');
    write_word(out, words.next().unwrap_or_default());
    for word in words {
        out.push(b'-');
        write_word(out, word);
    }
    write_value(out, value);
}

/// Writes a header line with its name in lower case.
pub(crate) fn write_lower_case_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    write_value(out, value);
}

fn write_value(out: &mut Vec<u8>, value: &HeaderValue) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_word(out: &mut Vec<u8>, word: &str) {
    let mut spellings = SPELLINGS.iter();
    if let Some(usual) = spellings.find(|usual| usual.eq_ignore_ascii_case(word)) {
        out.extend_from_slice(usual.as_bytes());
    } else if let Some((first, rest)) = word.as_bytes().split_first() {
        out.push(first.to_ascii_uppercase());
        out.extend_from_slice(rest);
    }
}

/// Converts a header and refuses those that only the handshake may set.
pub(crate) fn checked_header<N, V>(
    name: N,
    value: V,
) -> Result<(HeaderName, HeaderValue), HeaderError>
where
    N: AsRef<[u8]>,
    V: TryInto<HeaderValue>,
{
    let (name, value) = header_parts(name, value)?;
    check_name(&name)?;
    Ok((name, value))
}

pub(crate) fn header_parts<N, V>(
    name: N,
    value: V,
) -> Result<(HeaderName, HeaderValue), HeaderError>
where
    N: AsRef<[u8]>,
    V: TryInto<HeaderValue>,
{
    let name = name.as_ref();
    let name = HeaderName::from_bytes(name).map_err(|_| HeaderError::invalid_name(name))?;
    let value = value.try_into().map_err(|_| HeaderError::InvalidValue)?;
    Ok((name, value))
}

/// Refuses the headers that only the handshake may set.
pub(crate) fn check_name(name: &HeaderName) -> Result<(), HeaderError> {
    let reserved = matches!(
        name.as_str(),
        "host" | "upgrade" | "connection" | "content-length" | "transfer-encoding" | "trailer"
    ) || name.as_str().starts_with("sec-websocket-");
    if reserved {
        return Err(HeaderError::Reserved(name.clone()));
    }
    Ok(())
}

/// Converts parsed headers to the map of the `http` crate.
pub(crate) fn header_map(headers: &[Header<'_>]) -> Result<HeaderMap, HandshakeError> {
    let bad_name = || HandshakeError::Malformed(HeadFault::HeaderName);
    let mut map = HeaderMap::new();
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad_name())?;
        let value = HeaderValue::from_bytes(header.value)
            .map_err(|_| HandshakeError::Malformed(HeadFault::HeaderValue))?;
        append(&mut map, name, value).ok_or_else(bad_name)?;
    }
    Ok(map)
}

/// Appends a header; `None` if there are too many. Kept apart, so that the code of the map is there once.
#[inline(never)]
pub(crate) fn append(map: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Option<()> {
    map.try_append(name, value).ok().map(|_| ())
}

/// Words with more than one capital letter.
const SPELLINGS: [&str; 5] = ["WebSocket", "WWW", "ETag", "TE", "DNT"];
