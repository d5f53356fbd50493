//! Valid requests and responses, ways to break them, and short calls.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test file uses its part"
)]

use wskit_handshake::{
    ClientAccepted, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Incoming,
    PlainRequest, Progress, ServerHandshake, UpgradeRequest,
};

/// The request of RFC 6455 §1.2, without its origin.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-echo\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The nonce of RFC 6455 §1.3, whose key is `dGhlIHNhbXBsZSBub25jZQ==`.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";

/// The response to it.
pub(crate) const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\
    Sec-WebSocket-Extensions: x-echo\r\n\
    \r\n";

/// Replaces the one line that begins with `name`; an empty line removes it.
pub(crate) fn with_line(head: &str, name: &str, line: &str) -> String {
    let mut found = 0;
    let mut out = String::new();
    for old in head.strip_suffix("\r\n").unwrap().split_inclusive("\r\n") {
        if old.starts_with(name) {
            found += 1;
            if !line.is_empty() {
                out += line;
                out += "\r\n";
            }
        } else {
            out += old;
        }
    }
    assert_eq!(found, 1, "{name} in {head}");
    out + "\r\n"
}

/// Adds header lines at the end of the head.
pub(crate) fn with_more(head: &str, lines: &str) -> String {
    format!("{}{lines}\r\n\r\n", head.strip_suffix("\r\n").unwrap())
}

pub(crate) fn serve(request: impl AsRef<[u8]>) -> Result<Progress<Incoming>, HandshakeError> {
    ServerHandshake::new(HeadLimits::default()).receive(request.as_ref())
}

pub(crate) fn upgrade(request: impl AsRef<[u8]>) -> UpgradeRequest {
    match serve(&request) {
        Ok(Progress::Done(Incoming::Upgrade(upgrade))) => upgrade,
        other => panic!("{}: {other:?}", request.as_ref().escape_ascii()),
    }
}

pub(crate) fn plain(request: impl AsRef<[u8]>) -> PlainRequest {
    match serve(&request) {
        Ok(Progress::Done(Incoming::Http(plain))) => plain,
        other => panic!("{}: {other:?}", request.as_ref().escape_ascii()),
    }
}

/// Returns the error, and the status of the response to it.
pub(crate) fn refused(request: impl AsRef<[u8]>) -> (HandshakeError, u16) {
    match serve(&request) {
        Err(error) => {
            let rejection = error.rejection().unwrap();
            let bytes = String::from_utf8(rejection.to_bytes()).unwrap();
            assert!(bytes.contains("\r\nConnection: close"), "{bytes}");
            let status = rejection.status().as_u16();
            assert!(bytes.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}");
            (error, status)
        }
        other => panic!("{}: {other:?}", request.as_ref().escape_ascii()),
    }
}

/// A client with the offers of [`REQUEST`].
pub(crate) fn client() -> ClientHandshake {
    let request = ClientRequest::new("ws://server.example.com/chat")
        .and_then(|request| request.protocols(["chat", "superchat"]))
        .and_then(|request| {
            request.extensions("permessage-deflate; client_max_window_bits, x-echo")
        })
        .unwrap();
    ClientHandshake::new(request, NONCE, HeadLimits::default())
}

pub(crate) fn connect(
    response: impl AsRef<[u8]>,
) -> Result<Progress<ClientAccepted>, HandshakeError> {
    client().receive(response.as_ref())
}

pub(crate) fn connected(response: impl AsRef<[u8]>) -> ClientAccepted {
    match connect(&response) {
        Ok(Progress::Done(accepted)) => accepted,
        other => panic!("{}: {other:?}", response.as_ref().escape_ascii()),
    }
}

pub(crate) fn failed(response: impl AsRef<[u8]>) -> HandshakeError {
    match connect(&response) {
        Err(error) => error,
        other => panic!("{}: {other:?}", response.as_ref().escape_ascii()),
    }
}

/// Matches a value against a pattern, and shows it when it differs.
macro_rules! assert_matches {
    ($value:expr, $pattern:pat $(if $guard:expr)?) => {
        match $value {
            $pattern $(if $guard)? => {}
            other => panic!("{other:?} {}", stringify!($pattern)),
        }
    };
}
pub(crate) use assert_matches;
