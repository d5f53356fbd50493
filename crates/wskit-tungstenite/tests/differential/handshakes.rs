//! The opening handshake: the same bytes to both, and what each makes of them.

use crate::end::{Got, failed_ours, failed_theirs};
use crate::script::Script;

/// What became of a handshake, and what was written.
#[derive(Debug, PartialEq, Eq)]
struct Result {
    got: Got,
    output: String,
}

fn script(chunks: &[&[u8]], eof: bool) -> Script {
    Script {
        input: chunks.iter().map(|chunk| chunk.to_vec()).collect(),
        eof,
        ..Script::default()
    }
}

fn result(got: Got, output: &[u8]) -> Result {
    let output = String::from_utf8_lossy(output).into_owned();
    Result { got, output }
}

macro_rules! handshakes {
    ($name:ident, $lib:ident, $failed:ident) => {
        mod $name {
            use super::*;
            use ::$lib::HandshakeError;
            use ::$lib::client::IntoClientRequest;
            use ::$lib::handshake::server::{ErrorResponse, Request, Response};

            pub(super) fn server(chunks: &[&[u8]], eof: bool) -> Result {
                match ::$lib::accept(script(chunks, eof)) {
                    Ok(ws) => result(Got::Done, &ws.get_ref().output),
                    Err(HandshakeError::Failure(error)) => result($failed(error), b""),
                    Err(HandshakeError::Interrupted(mid)) => {
                        let waits = Got::Io(std::io::ErrorKind::WouldBlock);
                        result(waits, &mid.get_ref().get_ref().output)
                    }
                }
            }

            pub(super) fn server_refuses(request: &[u8], status: u16) -> Result {
                #[allow(clippy::result_large_err, reason = "the signature is given")]
                let callback = |request: &Request, _: Response| {
                    let mut response = ErrorResponse::new(Some(request.uri().to_string()));
                    *response.status_mut() = status.try_into().unwrap();
                    response
                        .headers_mut()
                        .insert("x-why", "because".parse().unwrap());
                    Err(response)
                };
                let mut stream = script(&[request], false);
                // The stream is dropped with the error: what was written is not seen.
                match ::$lib::accept_hdr(Shared(&mut stream), callback) {
                    Err(HandshakeError::Failure(error)) => result($failed(error), &stream.output),
                    other => panic!("{:?}", other.err()),
                }
            }

            pub(super) fn client(response: &str, protocols: Option<&str>, eof: bool) -> Result {
                let mut request = "ws://example.com:81/chat?x=1"
                    .into_client_request()
                    .unwrap();
                let headers = request.headers_mut();
                headers.insert(
                    "sec-websocket-key",
                    "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap(),
                );
                headers.insert("Origin", "https://example.com".parse().unwrap());
                headers.insert("x-own", "1".parse().unwrap());
                if let Some(protocols) = protocols {
                    headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
                }
                let mut stream = script(&[response.as_bytes()], eof);
                match ::$lib::client(request, Shared(&mut stream)) {
                    Ok((_, response)) => {
                        let got =
                            Got::Text(format!("{:?} {:?}", response.status(), response.headers()));
                        result(got, &stream.output)
                    }
                    Err(HandshakeError::Failure(error)) => result($failed(error), &stream.output),
                    Err(HandshakeError::Interrupted(_)) => {
                        result(Got::Io(std::io::ErrorKind::WouldBlock), &stream.output)
                    }
                }
            }
        }
    };
}

handshakes!(ours, wskit_tungstenite, failed_ours);
handshakes!(theirs, theirs, failed_theirs);

/// A stream that is seen after the handshake has dropped it.
#[derive(Debug)]
struct Shared<'a>(&'a mut Script);

impl std::io::Read for Shared<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl std::io::Write for Shared<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

const REQUEST: &str = "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fn without(line: &str) -> String {
    let start = REQUEST.find(line).unwrap();
    let end = start + REQUEST[start..].find("\r\n").unwrap() + 2;
    [&REQUEST[..start], &REQUEST[end..]].concat()
}

fn with(line: &str) -> String {
    format!("{}{line}\r\n\r\n", &REQUEST[..REQUEST.len() - 2])
}

#[test]
fn servers_agree() {
    let requests = [
        REQUEST.to_owned(),
        with("Origin: http://a\r\nCookie: a=b\r\nSec-WebSocket-Protocol: a, b"),
        with("Sec-WebSocket-Extensions: permessage-deflate"),
        without("Upgrade:"),
        without("Connection:"),
        without("Sec-WebSocket-Key:"),
        without("Sec-WebSocket-Version:"),
        REQUEST.replace("GET", "POST"),
        REQUEST.replace("HTTP/1.1", "HTTP/1.0"),
        REQUEST.replace("websocket", "h2c"),
        REQUEST.replace("websocket", "WebSocket"),
        REQUEST.replace("keep-alive, Upgrade", "keep-alive"),
        REQUEST.replace("keep-alive, Upgrade", "upgrade"),
        REQUEST.replace(": 13", ": 8"),
        REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=!"),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        format!("{REQUEST}junk"),
        REQUEST[..40].to_owned(),
        String::new(),
        with(&"x: y\r\n".repeat(125)),
    ];
    for request in requests {
        for eof in [false, true] {
            let bytes = request.as_bytes();
            assert_eq!(
                ours::server(&[bytes], eof),
                theirs::server(&[bytes], eof),
                "{request}"
            );
            if request.ends_with("junk") {
                continue; // in a read of its own it is a frame
            }
            let chunks: Vec<&[u8]> = bytes.chunks(40).collect();
            assert_eq!(
                ours::server(&chunks, eof),
                theirs::server(&chunks, eof),
                "{request}"
            );
        }
    }
}

#[test]
fn servers_refuse_alike_by_callback() {
    for status in [200, 301, 401, 404, 500] {
        let [ours, theirs] = [
            ours::server_refuses(REQUEST.as_bytes(), status),
            theirs::server_refuses(REQUEST.as_bytes(), status),
        ];
        assert_eq!(ours, theirs);
    }
}

#[test]
fn servers_refuse_here_what_they_accept() {
    let requests = [
        (without("Host:"), "InvalidHeader(\"host\")"),
        (with("Host: example.org"), "InvalidHeader(\"host\")"),
        (
            REQUEST.replace("Host: example.com", "Host: exa mple"),
            "InvalidHeader(\"host\")",
        ),
        (REQUEST.replace("\r\n", "\n"), "HttparseError(NewLine)"),
        (format!("\r\n{REQUEST}"), "HttparseError(NewLine)"),
        (
            with("Sec-WebSocket-Version: 13"),
            "InvalidHeader(\"sec-websocket-version\")",
        ),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "InvalidHeader(\"sec-websocket-key\")",
        ),
        (with("Origin: a\r\nOrigin: b"), "InvalidHeader(\"origin\")"),
        (
            with("Content-Length: 5"),
            "InvalidHeader(\"content-length\")",
        ),
        (
            with("Transfer-Encoding: chunked"),
            "InvalidHeader(\"content-length\")",
        ),
        (with("Sec-WebSocket-Protocol: a b"), "InvalidSubProtocol"),
        (
            with("Sec-WebSocket-Extensions: ;"),
            "InvalidHeader(\"sec-websocket-extensions\")",
        ),
    ];
    for (request, why) in requests {
        let accepted = theirs::server(&[request.as_bytes()], false);
        assert_eq!(accepted.got, Got::Done, "{request}");
        let refused = ours::server(&[request.as_bytes()], false);
        assert!(
            format!("{:?}", refused.got)
                .replace("\\\"", "\"")
                .contains(why),
            "{request} {refused:?}"
        );
    }
}

#[test]
fn servers_accept_here_what_they_refuse() {
    // A head in many small packets: it is not parsed again for each.
    let chunks: Vec<&[u8]> = REQUEST.as_bytes().chunks(1).collect();
    assert_eq!(ours::server(&chunks, false).got, Got::Done);
    assert_eq!(
        theirs::server(&chunks, false).got,
        Got::Error("AttackAttempt / Attack attempt detected".into())
    );
    // Names besides `websocket`.
    let request = REQUEST.replace("websocket", "websocket, h2c");
    assert_eq!(ours::server(&[request.as_bytes()], false).got, Got::Done);
    assert_ne!(theirs::server(&[request.as_bytes()], false).got, Got::Done);
}

const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

#[test]
fn clients_agree() {
    let responses = [
        format!("{RESPONSE}\r\n"),
        format!("{RESPONSE}X-Other: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
        format!("{RESPONSE}Sec-WebSocket-Protocol: b\r\n\r\n"),
        format!("{RESPONSE}Sec-WebSocket-Protocol: c\r\n\r\n"),
        format!("{}\r\n", RESPONSE.replace("websocket", "h2c")),
        format!(
            "{}\r\n",
            RESPONSE.replace("Connection: Upgrade", "Connection: close")
        ),
        format!("{}\r\n", RESPONSE.replace("s3pP", "aaaa")),
        format!("{}\r\n", RESPONSE.replace("HTTP/1.1", "HTTP/1.0")),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nx: y\r\n\r\ngone".to_owned(),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\ngone".to_owned(),
        "HTTP/1.1 302 Found\r\nLocation: ws://other/\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\n\r\n<html>".to_owned(),
        RESPONSE.to_owned(),
        String::new(),
    ];
    for response in responses {
        for protocols in [None, Some("a, b")] {
            for eof in [false, true] {
                let ours = ours::client(&response, protocols, eof);
                let theirs = theirs::client(&response, protocols, eof);
                assert_eq!(ours, theirs, "{response}");
            }
        }
    }
}

#[test]
fn clients_refuse_here_what_they_accept() {
    let responses = [
        format!("{RESPONSE}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        format!("{RESPONSE}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
        format!("{RESPONSE}Content-Length: 5\r\n\r\n"),
        format!("{}\n", RESPONSE.replace("\r\n", "\n")),
    ];
    for response in responses {
        assert!(
            matches!(theirs::client(&response, None, false).got, Got::Text(_)),
            "{response}"
        );
        assert!(
            matches!(ours::client(&response, None, false).got, Got::Error(_)),
            "{response}"
        );
    }
}

#[test]
fn clients_accept_here_what_they_refuse() {
    let responses = [
        format!("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{RESPONSE}\r\n"),
        format!(
            "{}\r\n",
            RESPONSE.replace("Connection: Upgrade", "Connection: keep-alive, upgrade")
        ),
    ];
    for response in responses {
        assert!(
            matches!(theirs::client(&response, None, false).got, Got::Error(_)),
            "{response}"
        );
        assert!(
            matches!(ours::client(&response, None, false).got, Got::Text(_)),
            "{response}"
        );
    }
}
