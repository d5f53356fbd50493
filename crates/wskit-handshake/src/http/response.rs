//! Writes final responses, after which the connection is closed.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, UPGRADE};

use crate::http::header::write_header;

/// Returns whether a header frames a message, which is up to the writer.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "content-length" | "transfer-encoding"
    )
}

/// Writes a final response that ends the connection.
pub(crate) fn write_final<'a>(
    status: StatusCode,
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    body: &[u8],
    head_only: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len().saturating_add(256));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut upgrade = false;
    for (name, value) in headers {
        upgrade |= name == UPGRADE;
        write_header(&mut out, name, value);
    }
    // RFC 9110 §8.6: these have no body and no Content-Length.
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    // RFC 9110 §7.8: a message with Upgrade names it in Connection.
    out.extend_from_slice(b"Connection: close");
    out.extend_from_slice(if upgrade { b", Upgrade" } else { b"" });
    out.extend_from_slice(b"\r\n\r\n");
    if !bodiless && !head_only {
        out.extend_from_slice(body);
    }
    out
}
