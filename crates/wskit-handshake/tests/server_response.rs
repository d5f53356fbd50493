//! RFC 6455 §4.2.2: the responses of a server.

mod wire;

use bytes::Bytes;
use http::{Response, StatusCode};
use wire::{REQUEST, client, plain, refused, upgrade, with_line};
use wskit_handshake::{
    Accept, BuildError, ExtensionError, HeaderError, OriginPolicy, Progress, Rejection, accept_key,
    write_response,
};

fn accept(request: &str) -> Accept {
    upgrade(request).check(&OriginPolicy::Any).unwrap().accept()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Proves: R6455-4.2.2-h, R6455-4.2.2-j, R6455-4.2.2-k, R6455-4.2.2-l,
/// R6455-4.2.2-m, R6455-9-b
#[test]
fn server_writes_the_plainest_response() {
    let accepted = accept(&format!("{REQUEST}left")).finish();
    assert_eq!(
        text(accepted.response),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         \r\n"
    );
    assert_eq!(accepted.protocol, None);
    assert!(accepted.extensions.is_empty());
    assert_eq!(&accepted.leftover[..], b"left");
}

/// Proves: R6455-4.2.2-n, R6455-11.3.2-a, R6455-11.3.4-a
#[test]
fn server_writes_everything_it_was_given() {
    let accepted = accept(REQUEST)
        .protocol("superchat")
        .and_then(|accept| accept.extension("x-echo", []))
        .and_then(|accept| accept.extension("permessage-deflate", [("a", None), ("b", Some("9"))]))
        .and_then(|accept| accept.header("X-Server", "wskit"))
        .and_then(|accept| accept.cookie("id=1; HttpOnly"))
        .unwrap()
        .finish();
    assert_eq!(
        text(accepted.response),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: superchat\r\n\
         Sec-WebSocket-Extensions: x-echo, permessage-deflate; a; b=9\r\n\
         X-Server: wskit\r\n\
         Set-Cookie: id=1; HttpOnly\r\n\
         \r\n"
    );
    assert_eq!(accepted.protocol.as_deref(), Some("superchat"));
    assert_eq!(accepted.extensions.iter().count(), 2);
}

/// Proves: R6455-4.2.2-g
#[test]
fn server_cannot_choose_an_unoffered_protocol() {
    for name in ["c", "", "Chat", "chat, superchat", "chat\r\nX: y"] {
        let error = accept(REQUEST).protocol(name).map(drop).unwrap_err();
        assert_eq!(error, BuildError::ProtocolNotOffered);
    }
    let best = |supported: &[&str]| accept(REQUEST).protocol_from(supported).finish().protocol;
    assert_eq!(best(&["superchat", "chat"]).as_deref(), Some("chat"));
    assert_eq!(best(&["superchat"]).as_deref(), Some("superchat"));
    assert_eq!(best(&["other"]), None);
}

/// Proves: R6455-4.2.2-i, R6455-4.2.2-j, R7692-5-b
#[test]
fn server_cannot_accept_an_unoffered_extension() {
    let error = |name, request: &str| accept(request).extension(name, []).map(drop).unwrap_err();
    assert_eq!(error("foo", REQUEST), BuildError::ExtensionNotOffered);
    assert_eq!(error("X-Echo", REQUEST), BuildError::ExtensionNotOffered);
    let bare = with_line(REQUEST, "Sec-WebSocket-Ext", "");
    assert_eq!(error("x-echo", &bare), BuildError::ExtensionNotOffered);
    let once = accept(REQUEST).extension("x-echo", []).unwrap();
    assert_eq!(
        once.extension("x-echo", []).map(drop).unwrap_err(),
        BuildError::ExtensionRepeated
    );
    let broken = accept(REQUEST).extension("x-echo", [("a", Some("b\r\n"))]);
    assert_eq!(
        broken.map(drop).unwrap_err(),
        BuildError::Extension(ExtensionError::ParamValue)
    );
}

/// Proves: R6455-4.2.2-m
#[test]
fn accept_key_matches_the_rfc() {
    assert_eq!(
        &accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    // Computed with another implementation.
    assert_eq!(
        &accept_key(b"AAAAAAAAAAAAAAAAAAAAAA=="),
        b"ICX+Yqv66kxgM0FcWaLWlFLwTAI="
    );
}

/// A client accepts the responses of a server.
///
/// Proves: R6455-4.2.2-k
#[test]
fn client_accepts_what_the_server_answers() {
    let mut client = client();
    let request = upgrade(client.request_bytes());
    let accept = request.check(&OriginPolicy::SameOrigin).unwrap().accept();
    let accept = accept
        .protocol_from(&["chat"])
        .extension("x-echo", [])
        .unwrap();
    let Ok(Progress::Done(accepted)) = client.receive(&accept.finish().response) else {
        panic!()
    };
    assert_eq!(accepted.protocol.as_deref(), Some("chat"));
    assert_eq!(accepted.extensions.as_str(), "x-echo");
}

/// Proves: R6455-4.2.2-b, R6455-4.2.2-d, R6455-4.2.2-f, X-http-5
#[test]
fn server_writes_refusals() {
    let request = || upgrade(format!("{REQUEST}GET /second HTTP/1.1\r\n\r\n"));
    assert_eq!(
        text(request().reject(&Rejection::not_found())),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let challenge = Rejection::unauthorized("Basic realm=\"x\"")
        .and_then(|rejection| rejection.header("content-type", "text/plain"))
        .unwrap()
        .body("who?");
    let checked = request().check(&OriginPolicy::Any).unwrap();
    assert_eq!(
        text(checked.reject(&challenge)),
        "HTTP/1.1 401 Unauthorized\r\n\
         WWW-Authenticate: Basic realm=\"x\"\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 4\r\n\
         Connection: close\r\n\
         \r\n\
         who?"
    );
    let redirect = Rejection::new(StatusCode::FOUND)
        .unwrap()
        .header("location", "/x")
        .unwrap();
    assert_eq!(
        text(redirect.to_bytes()),
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let empty = Rejection::new(StatusCode::NO_CONTENT)
        .unwrap()
        .body("dropped");
    assert_eq!(
        text(empty.to_bytes()),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
}

/// Proves: R6455-4.2.2-b
#[test]
fn server_cannot_refuse_with_an_interim_status() {
    for status in [100, 101, 103, 199] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            Rejection::new(status).unwrap_err(),
            BuildError::InterimStatus
        );
        let response = Response::builder()
            .status(status)
            .body(Bytes::new())
            .unwrap();
        assert_eq!(
            Rejection::try_from(response).unwrap_err(),
            BuildError::InterimStatus
        );
    }
}

/// Proves: R6455-4.2.2-b
#[test]
fn server_refuses_with_any_http_response() {
    let response = Response::builder()
        .status(418)
        .header("connection", "keep-alive")
        .header("content-length", "99")
        .header("x-a", "1")
        .body("short and stout")
        .unwrap();
    assert_eq!(
        text(Rejection::try_from(response).unwrap().to_bytes()),
        "HTTP/1.1 418 I'm a teapot\r\nX-A: 1\r\nContent-Length: 15\r\nConnection: close\r\n\r\nshort and stout"
    );
}

/// Proves: R6455-4.2.2-e, R6455-4.4-a
#[test]
fn server_names_its_version() {
    let request = with_line(
        REQUEST,
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Version: 25",
    );
    let (error, _) = refused(request);
    assert_eq!(
        text(error.rejection().unwrap().to_bytes()),
        "HTTP/1.1 426 Upgrade Required\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 47\r\n\
         Connection: close, Upgrade\r\n\
         \r\n\
         unsupported Sec-WebSocket-Version, expected 13\n"
    );
}

/// Proves: R6455-4.2.1-b
#[test]
fn server_names_its_method() {
    let (error, _) = refused(REQUEST.replacen("GET", "POST", 1));
    let bytes = text(error.rejection().unwrap().to_bytes());
    assert!(bytes.contains("\r\nAllow: GET\r\n"), "{bytes}");
}

/// Proves: R6455-4.2.2-k
#[test]
fn server_keeps_reserved_headers_to_itself() {
    for name in [
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let reserved = BuildError::Header(HeaderError::Reserved(
            name.to_ascii_lowercase().parse().unwrap(),
        ));
        assert_eq!(
            accept(REQUEST).header(name, "x").map(drop).unwrap_err(),
            reserved
        );
        if !name.starts_with("Upg") && !name.ends_with("Protocol") {
            assert_eq!(
                Rejection::forbidden().header(name, "x").unwrap_err(),
                reserved
            );
        }
    }
}

/// Proves: X-http-5
#[test]
fn server_answers_plain_requests() {
    let page = Response::builder()
        .header("content-type", "text/html")
        .header("Connection", "keep-alive")
        .header("transfer-encoding", "chunked")
        .body("<p>")
        .unwrap();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    let get = plain("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(text(get.respond(&page).unwrap()), format!("{head}<p>"));
    let ask = plain("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(text(ask.respond(&page).unwrap()), head);
    let switch = Response::builder().status(101).body("").unwrap();
    assert_eq!(
        write_response(&switch, false).unwrap_err(),
        BuildError::InterimStatus
    );
}
