//! The full parser, which reads any request and reports errors (RFC 6455
//! §4.2.1).

use std::str;

use bytes::Bytes;
use httparse::{Header, Status};

use crate::accept_key::is_key;
use crate::error::{HandshakeError, HeadFault};
use crate::http::authority::{
    default_port, is_host_and_port, is_resource_byte, is_same_place, split_host,
};
use crate::http::extensions::unquote;
use crate::http::fields::{Field, Fields};
use crate::http::head::{Head, MAX_NAME, Span, parse_error};
use crate::http::token::{is_token_list, list_names};
use crate::server::plain_http::PlainRequest;
use crate::server::request::{ListText, Parts, UpgradeRequest};

/// A client's request.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would cost the common case an allocation"
)]
pub enum Incoming {
    /// An upgrade request that has passed every check of §4.2.1 except that of
    /// its origin.
    Upgrade(UpgradeRequest),
    /// Plain HTTP, for the caller to answer.
    ///
    /// A request is an upgrade attempt if its `Upgrade` header names
    /// `websocket`, or if it has a `Sec-WebSocket-Key` or
    /// `Sec-WebSocket-Version` header. An incomplete upgrade attempt is an
    /// error; all other requests are plain HTTP.
    Http(PlainRequest),
}

/// Either kind of request, before the head is moved into it.
enum Parsed {
    Upgrade(Parts),
    Http(http::Request<()>),
}

pub(crate) fn incoming(head: Head, leftover: Bytes) -> Result<Incoming, HandshakeError> {
    let bytes = head.bytes;
    let parsed = Head::with_storage(head.headers, |storage| {
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(&bytes, storage) {
            Ok(Status::Complete(length)) if length == bytes.len() => {}
            Ok(_) => return Err(HandshakeError::Malformed(HeadFault::StartLine)),
            Err(error) => return Err(parse_error(error)),
        }
        // `http::HeaderName` takes only shorter names.
        if request
            .headers
            .iter()
            .any(|header| header.name.len() >= MAX_NAME)
        {
            return Err(HandshakeError::Malformed(HeadFault::HeaderName));
        }
        let fields = Fields::collect(request.headers);
        let upgrade = fields.upgrade.list("upgrade", request.headers);
        let names_websocket = list_names(&upgrade, b"websocket");
        if names_websocket || fields.key.is_present() || fields.version.is_present() {
            check(&fields, &request, names_websocket, &bytes).map(Parsed::Upgrade)
        } else {
            PlainRequest::build(&request).map(Parsed::Http)
        }
    })?;
    Ok(match parsed {
        Parsed::Upgrade(parts) => Incoming::Upgrade(UpgradeRequest::new(bytes, leftover, parts)),
        Parsed::Http(request) => Incoming::Http(PlainRequest { request, leftover }),
    })
}

/// Checks the headers by §4.2.1, item by item.
fn check<'a>(
    fields: &Fields<Field<'a>>,
    request: &httparse::Request<'_, 'a>,
    names_websocket: bool,
    head: &[u8],
) -> Result<Parts, HandshakeError> {
    // Item 1: GET, HTTP/1.1, a target.
    if request.version != Some(1) {
        return Err(HandshakeError::HttpVersion);
    }
    if request.method != Some("GET") {
        return Err(HandshakeError::Method);
    }
    // RFC 9110 §9.3.1: a body has no meaning in a GET. This crate would read it
    // as frames, and a proxy could read it as something else.
    if fields.transfer_encoding.is_present()
        || (fields.content_length.is_present() && fields.content_length.only() != Some(b"0"))
    {
        return Err(HandshakeError::RequestBody);
    }
    // Item 2: one Host (RFC 9112 §3.2).
    let host = fields
        .host
        .single("Host")?
        .ok_or(HandshakeError::MissingHost)?;
    if !is_host(host) {
        return Err(HandshakeError::InvalidHost);
    }
    let target = request.path.unwrap_or_default();
    let resource = resource_of(target, host)?;
    // Item 3: Upgrade contains websocket.
    if !fields.upgrade.is_present() {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !names_websocket {
        return Err(HandshakeError::InvalidUpgrade);
    }
    // Item 4: Connection contains Upgrade.
    if !fields.connection.is_present() {
        return Err(HandshakeError::MissingConnection);
    }
    let connection = fields.connection.list("connection", request.headers);
    if !list_names(&connection, b"upgrade") {
        return Err(HandshakeError::InvalidConnection);
    }
    // Item 6 before item 5: other versions may have other keys. §11.3.5: at
    // most once. §4.3: 13 has no other spelling.
    match fields.version.single("Sec-WebSocket-Version")? {
        None => return Err(HandshakeError::MissingVersion),
        Some(b"13") => {}
        Some(_) => return Err(HandshakeError::UnsupportedVersion),
    }
    // Item 5, §11.3.1: at most once.
    let key = fields
        .key
        .single("Sec-WebSocket-Key")?
        .ok_or(HandshakeError::MissingKey)?;
    if !is_key(key) {
        return Err(HandshakeError::InvalidKey);
    }
    // Item 7: a list of origins has no meaning here.
    let origin = fields.origin.single("Origin")?;
    // Item 8: a list of tokens, in one line or several (§11.3.4).
    let protocols = fields
        .protocols
        .list("sec-websocket-protocol", request.headers);
    let protocols = if !fields.protocols.is_present() {
        ListText::Absent
    } else if is_token_list(&protocols) {
        ListText::new(protocols, head)
    } else {
        return Err(HandshakeError::InvalidProtocols);
    };
    Ok(Parts {
        target: Span::of(target.as_bytes(), head),
        resource: Span::of(resource.as_bytes(), head),
        host: Span::of(host, head),
        origin: origin.map(|origin| Span::of(origin, head)),
        key: Span::of(key, head),
        protocols,
        extensions: check_extensions(&fields.extensions, request.headers, head)?,
    })
}

/// Checks item 9: a list that violates the grammar of §9.1 fails the handshake.
fn check_extensions<'a>(
    field: &Field<'a>,
    headers: &[Header<'a>],
    head: &[u8],
) -> Result<ListText, HandshakeError> {
    if !field.is_present() {
        return Ok(ListText::Absent);
    }
    let list = field.list("sec-websocket-extensions", headers);
    let unquoted = unquote(&list).map_err(HandshakeError::InvalidExtensions)?;
    Ok(match unquoted {
        None => ListText::new(list, head),
        Some(unquoted) => ListText::Rewritten(unquoted.into()),
    })
}

/// Checks the request target and returns path and query: all of an origin-form,
/// and of an absolute-form what follows the authority, which must agree with
/// Host (§4.1 item 2 of the requirements on the request).
fn resource_of<'a>(target: &'a str, host: &[u8]) -> Result<&'a str, HandshakeError> {
    let invalid = HandshakeError::InvalidTarget;
    let origin_form = target.starts_with('/');
    let common = target
        .bytes()
        .all(|byte| is_resource_byte(byte) || byte == b'%');
    // Some clients send characters that RFC 3986 does not allow. They are
    // accepted if `http::Uri` takes them; it would drop a fragment.
    if !(origin_form && common && target.len() < SHORT_TARGET)
        && (!target.is_ascii() || target.contains('#') || http::Uri::try_from(target).is_err())
    {
        return Err(invalid);
    }
    if origin_form {
        return Ok(target);
    }
    let (scheme, rest) = target.split_once("://").ok_or(invalid.clone())?;
    let secure = match () {
        () if scheme.eq_ignore_ascii_case("http") => false,
        () if scheme.eq_ignore_ascii_case("https") => true,
        () => return Err(invalid),
    };
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // RFC 9112 §3.2.2: the host of the target counts, so Host must mean the
    // same.
    let host = str::from_utf8(host).unwrap_or_default();
    if !is_same_place(authority, host, default_port(secure)) {
        return Err(HandshakeError::InvalidHost);
    }
    Ok(resource)
}

/// Returns whether `text` is `host [ ":" port ]` (RFC 9110 §7.2): no user info,
/// no blanks, not empty.
fn is_host(text: &[u8]) -> bool {
    is_host_and_port(text) || str::from_utf8(text).is_ok_and(|text| split_host(text).is_some())
}

/// `http::Uri` takes less than 64 KiB. Targets from this length on are checked
/// by it.
const SHORT_TARGET: usize = 32 * 1024;
