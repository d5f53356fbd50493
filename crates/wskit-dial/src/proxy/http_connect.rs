//! HTTP CONNECT, as the client (RFC 9110 §9.3.6). Sans-I/O.

use std::net::Ipv6Addr;

use http::StatusCode;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use wskit_handshake::{ClientRequest, HeaderError, RequestError};

use super::error::ProxyError;
use crate::zone::split_zone;

/// A CONNECT request to an HTTP proxy, and the reader of its answer.
pub(super) struct Connect {
    output: Vec<u8>,
    /// The bytes received of the current head.
    head: Vec<u8>,
    /// The length of the heads before it (1xx).
    before: usize,
    has_credentials: bool,
    is_done: bool,
}

impl Connect {
    pub(super) fn new(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
        headers: &HeaderMap,
    ) -> Result<Self, RequestError> {
        // An interface of this machine means nothing to a proxy.
        if split_zone(host).1.is_some() {
            return Err(RequestError::InvalidHost);
        }
        let place = match host.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{host}]:{port}"),
            Err(_) => format!("{host}:{port}"),
        };
        // A host that no URL allows could end the request line.
        let mut checked = ClientRequest::new(format!("ws://{place}"))?;
        if !checked.host().eq_ignore_ascii_case(host) {
            return Err(RequestError::InvalidHost);
        }
        let mut output = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n").into_bytes();
        let has_own = headers.contains_key(PROXY_AUTHORIZATION);
        if let (Some((user, password)), false) = (credentials, has_own) {
            checked = checked.basic_auth(user, password)?;
            if let Some(basic) = checked.headers().get(AUTHORIZATION) {
                push_header(&mut output, &PROXY_AUTHORIZATION, basic);
            }
        }
        for (name, value) in headers {
            check_header(name)?;
            push_header(&mut output, name, value);
        }
        output.extend_from_slice(b"\r\n");
        Ok(Self {
            output,
            head: Vec::new(),
            before: 0,
            has_credentials: has_own || credentials.is_some(),
            is_done: false,
        })
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Returns the least number of bytes that are missing up to the blank line that ends the head.
    pub(super) fn wanted(&self) -> usize {
        if self.is_done {
            return 0;
        }
        (1..END.len())
            .rev()
            .find(|&len| END.get(..len).is_some_and(|part| self.head.ends_with(part)))
            .map_or(END.len(), |seen| END.len() - seen)
    }

    /// Processes at most as many bytes as are wanted.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), ProxyError> {
        let seen = self.head.len();
        self.head.extend_from_slice(bytes);
        // Checked at once: a server of another protocol may never send a blank line.
        if !STATUS_LINE
            .iter()
            .zip(&self.head)
            .all(|(may_be, byte)| may_be.contains(byte))
        {
            return Err(ProxyError::Malformed("no HTTP/1 status line came"));
        }
        let bare = self.head.iter().enumerate().skip(seen).any(|(at, byte)| {
            *byte == b'\n' && at.checked_sub(1).and_then(|at| self.head.get(at)) != Some(&b'\r')
        });
        if bare {
            return Err(ProxyError::Malformed("a line ends without CR"));
        }
        if self.before + self.head.len() > LIMIT {
            return Err(ProxyError::AnswerTooLong { limit: LIMIT });
        }
        if !self.head.ends_with(END) {
            return Ok(());
        }
        let status = self.status()?;
        if status.is_success() {
            // §9.3.6: such an answer has no body, whatever its headers say.
            self.is_done = true;
        } else if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            // RFC 9110 §15.2: the final answer is still to come.
            self.before += self.head.len();
            self.head.clear();
        } else if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(if self.has_credentials {
                ProxyError::CredentialsRefused
            } else {
                ProxyError::CredentialsRequired
            });
        } else {
            return Err(ProxyError::Status(status));
        }
        Ok(())
    }

    fn status(&self) -> Result<StatusCode, ProxyError> {
        let digits = self.head.get(9..12).unwrap_or_default();
        let ends = matches!(self.head.get(12), Some(b' ' | b'\r'));
        StatusCode::from_bytes(digits)
            .ok()
            .filter(|_| ends)
            .ok_or(ProxyError::Malformed("no HTTP status came"))
    }
}

/// Refuses headers that would contradict the request: its target, or that it has no body.
pub(super) fn check_header(name: &HeaderName) -> Result<(), HeaderError> {
    if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
        return Err(HeaderError::Reserved(name.clone()));
    }
    Ok(())
}

/// Appends a header with its name capitalised: some proxies know no other form.
fn push_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let mut begins = true;
    for byte in name.as_str().bytes() {
        out.push(if begins {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        begins = byte == b'-';
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

const END: &[u8] = b"\r\n\r\n";

/// The longest answer that is read. Real ones have some hundred bytes.
const LIMIT: usize = 16 << 10;

/// The bytes allowed at each position of `HTTP/1.1 200`.
const STATUS_LINE: [&[u8]; 12] = [
    b"H",
    b"T",
    b"T",
    b"P",
    b"/",
    b"1",
    b".",
    b"01",
    b" ",
    b"12345",
    b"0123456789",
    b"0123456789",
];
