use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wskit_tungstenite::client::{IntoClientRequest, uri_mode};
use wskit_tungstenite::error::{Error, ProtocolError, UrlError};
use wskit_tungstenite::handshake::server::{
    ErrorResponse, Request, Response, create_response, create_response_with_body, write_response,
};
use wskit_tungstenite::handshake::{HandshakeError, derive_accept_key};
use wskit_tungstenite::protocol::Message;
use wskit_tungstenite::{
    ClientRequestBuilder, accept_async, accept_hdr_async, client_async, connect_async, http,
};

#[tokio::test]
async fn client_and_server_open_over_any_stream() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(accept_async(server));
    let (mut client, response) = client_async("ws://localhost/chat?a=b", client)
        .await
        .unwrap();
    assert_eq!(response.status(), 101);
    assert!(response.headers().contains_key("sec-websocket-accept"));
    let mut server = server.await.unwrap().unwrap();
    client.send("hello".into()).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "hello".into());
}

#[tokio::test]
#[allow(clippy::result_large_err, reason = "the signature is given")]
async fn callback_sees_the_request_and_changes_the_response() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let callback = |request: &Request, mut response: Response| {
        assert_eq!(request.uri(), "/chat?a=b");
        assert_eq!(request.headers()["authorization"], "Bearer token");
        assert_eq!(request.headers()["sec-websocket-protocol"], "a, b");
        let headers = response.headers_mut();
        headers.insert("x-session", "1".parse().unwrap());
        headers.insert("sec-websocket-protocol", "b".parse().unwrap());
        Ok(response)
    };
    let server = tokio::spawn(accept_hdr_async(server, callback));
    let request = ClientRequestBuilder::new("ws://user@localhost:81/chat?a=b".parse().unwrap())
        .with_header("Authorization", "Bearer token")
        .with_sub_protocol("a")
        .with_sub_protocol("b");
    let (_, response) = client_async(request, client).await.unwrap();
    assert_eq!(response.headers()["x-session"], "1");
    server.await.unwrap().unwrap();
}

#[tokio::test]
#[allow(clippy::result_large_err, reason = "the signature is given")]
async fn callback_refuses_with_a_response_and_both_ends_have_it() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let callback = |_: &Request, _: Response| {
        let mut response = ErrorResponse::new(Some("not you".to_owned()));
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        Err(response)
    };
    let server = tokio::spawn(accept_hdr_async(server, callback));
    for refused in [
        client_async("ws://localhost/", client).await.err(),
        server.await.unwrap().err(),
    ] {
        let Some(Error::Http(response)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(response.status(), 403);
        assert_eq!(response.body().as_deref(), Some(&b"not you"[..]));
    }
}

#[test]
fn requests_are_made_of_urls() {
    let request = "ws://user:pw@example.com:81/a?b#c"
        .into_client_request()
        .unwrap();
    assert_eq!(request.headers()["host"], "example.com:81");
    assert_eq!(request.headers()["sec-websocket-version"], "13");
    let request: http::Uri = "wss://example.com".parse().unwrap();
    assert!((&request).into_client_request().is_ok());
    assert!(request.into_client_request().is_ok());
    assert!(
        url::Url::parse("ws://a/")
            .unwrap()
            .into_client_request()
            .is_ok()
    );
    let no_host = "/path".into_client_request().unwrap_err();
    assert!(matches!(no_host, Error::Url(UrlError::NoHostName)));
    let scheme = uri_mode(&"http://a/".parse().unwrap()).unwrap_err();
    assert!(matches!(scheme, Error::Url(UrlError::UnsupportedUrlScheme)));
    assert!(matches!(
        "ws://a b/".into_client_request(),
        Err(Error::HttpFormat(_))
    ));
    let builder = ClientRequestBuilder::new("ws://a/".parse().unwrap()).with_header("a b", "c");
    assert!(matches!(
        builder.into_client_request(),
        Err(Error::HttpFormat(_))
    ));
}

/// A request that a program has made itself must be complete.
#[tokio::test]
async fn own_request_without_a_key_is_refused() {
    let request = http::Request::get("ws://a/").body(()).unwrap();
    let (client, _server) = tokio::io::duplex(64);
    let error = client_async(request, client).await.unwrap_err();
    let Error::Protocol(ProtocolError::InvalidHeader(name)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(*name, "sec-websocket-key");
}

/// Frameworks answer by themselves, and go on with the raw stream.
#[test]
fn responses_are_made_of_requests() {
    let request = "ws://a/".into_client_request().unwrap();
    let response = create_response(&request).unwrap();
    let key = request.headers()["sec-websocket-key"].as_bytes();
    assert_eq!(
        response.headers()["sec-websocket-accept"],
        derive_accept_key(key)
    );
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n"));
    let with_body = create_response_with_body(&request, || "body").unwrap();
    assert_eq!(*with_body.body(), "body");
    let plain = http::Request::get("/")
        .header("host", "a")
        .body(())
        .unwrap();
    assert!(matches!(
        create_response(&plain),
        Err(Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
        ))
    ));
}

/// A non-blocking socket interrupts the handshake, which goes on where it was.
#[test]
fn handshake_over_a_non_blocking_socket_is_interrupted_and_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    let Err(HandshakeError::Interrupted(mut waiting)) = wskit_tungstenite::accept(server) else {
        panic!("nothing was sent yet");
    };
    let client = std::thread::spawn(move || wskit_tungstenite::client(url, client).unwrap().0);
    let mut server = loop {
        match waiting.handshake() {
            Ok(ws) => break ws,
            Err(HandshakeError::Interrupted(mid)) => waiting = mid,
            Err(HandshakeError::Failure(error)) => panic!("{error}"),
        }
        std::thread::yield_now();
    };
    let mut client = client.join().unwrap();
    client.send("over a blocking socket".into()).unwrap();
    let message = loop {
        match server.read() {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::yield_now();
            }
            result => break result.unwrap(),
        }
    };
    assert_eq!(message, "over a blocking socket".into());
    server.close(None).unwrap();
    assert!(client.read().unwrap().is_close());
}

/// Blocking programs: connect by URL, follow a redirect, echo, close.
#[test]
fn blocking_client_connects_and_follows_redirects() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let n = first.read(&mut head).unwrap();
        assert!(head[..n].starts_with(b"GET /old HTTP/1.1\r\nHost: "));
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: ws://{address}/new\r\n\r\n");
        first.write_all(answer.as_bytes()).unwrap();
        let (second, _) = listener.accept().unwrap();
        let mut ws = wskit_tungstenite::accept(second).unwrap();
        let message = ws.read().unwrap();
        ws.send(message).unwrap();
        assert!(ws.read().unwrap().is_close());
        assert!(matches!(ws.read(), Err(Error::ConnectionClosed)));
        assert!(matches!(ws.read(), Err(Error::AlreadyClosed)));
    });
    let (mut ws, response) = wskit_tungstenite::connect(format!("ws://{address}/old")).unwrap();
    assert_eq!(response.status(), 101);
    ws.send(Message::binary(vec![7; 200_000])).unwrap();
    assert_eq!(ws.read().unwrap().len(), 200_000);
    ws.close(None).unwrap();
    assert!(ws.read().unwrap().is_close());
    server.join().unwrap();
    assert!(matches!(ws.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(ws.read(), Err(Error::AlreadyClosed)));
}

#[tokio::test]
async fn connecting_reports_what_the_server_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await.unwrap();
        let refusal =
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nwait";
        stream.write_all(refusal).await.unwrap();
        let _ = stream.read(&mut head).await;
    });
    let Err(Error::Http(response)) = connect_async(&url).await else {
        panic!("it was refused");
    };
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(response.body().as_deref(), Some(&b"wait"[..]));
    server.await.unwrap();
    assert!(matches!(
        connect_async("http://a/").await,
        Err(Error::Url(UrlError::UnsupportedUrlScheme))
    ));
    assert!(matches!(connect_async(url).await, Err(Error::Io(_))));
}
