//! A client on hyper's connection: wskit's own server, and servers that behave badly.

mod net;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{SendRequest, handshake as http1};
use hyper_util::rt::TokioIo;
use net::bounded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wskit_handshake::{ClientRequest, HandshakeError, OriginPolicy, accept_key};
use wskit_hyper::{Client, OpenError, Server, handshake};
use wskit_proto::{CloseCode, deflate};

async fn connect(listener: &TcpListener) -> SendRequest<Empty<Bytes>> {
    let tcp = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (sender, connection) = http1(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Answers one request with these bytes and closes; `{accept}` is replaced by the right value.
async fn answering(answer: &'static [u8]) -> SendRequest<Empty<Bytes>> {
    let listener = listen().await;
    let sender = connect(&listener).await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            tcp.read_buf(&mut request).await.unwrap();
        }
        let request = String::from_utf8(request).unwrap().to_lowercase();
        assert!(request.starts_with("get /chat?a=b http/1.1\r\nhost: example.com\r\n"));
        tcp.write_all(answer).await.unwrap();
    });
    sender
}

/// Proves: R6455-4.1-h, R6455-4.1-w, R6455-4.1-af
#[tokio::test]
async fn client_agrees_on_protocol_and_compression() {
    bounded(async {
        let listener = listen().await;
        let mut sender = connect(&listener).await;
        let server = tokio::spawn(async move {
            let server = Server::new(OriginPolicy::Any).protocols(["chat"]);
            let server = server.deflate(deflate::Config::server());
            let (tcp, _) = listener.accept().await.unwrap();
            let mut ws = server.accept(tcp).await.unwrap();
            assert!(ws.deflate().is_some());
            while let Some((message, out)) = ws.recv_ref().await.unwrap() {
                out.feed(message).unwrap();
            }
        });
        let request = ClientRequest::new("ws://example.com/chat")
            .and_then(|request| request.protocols(["other", "chat"]))
            .unwrap();
        let client = Client::new().deflate(deflate::Config::client());
        let (mut ws, response) = handshake(&client, &mut sender, request).await.unwrap();
        assert_eq!(ws.protocol(), Some("chat"));
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        assert!(ws.deflate().is_some());
        assert!(ws.get_ref().tcp().unwrap().nodelay().unwrap());
        let text = "compressible ".repeat(1000);
        ws.send(text.as_str()).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        server.await.unwrap();
    })
    .await;
}

/// Proves: R6455-4.1-ag
#[tokio::test]
async fn client_reads_frames_right_behind_the_answer() {
    bounded(async {
        let listener = listen().await;
        let mut sender = connect(&listener).await;
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                tcp.read_buf(&mut request).await.unwrap();
            }
            let request = String::from_utf8(request).unwrap();
            let name = "sec-websocket-key: ";
            let key = request.lines().find_map(|line| line.strip_prefix(name));
            let accept = accept_key(key.unwrap().as_bytes());
            let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Accept: "
                .to_vec();
            answer.extend_from_slice(&accept);
            answer.extend_from_slice(b"\r\n\r\n\x81\x01a\x81\x01b");
            tcp.write_all(&answer).await.unwrap();
        });
        let url = "ws://example.com/chat?a=b";
        let (mut ws, _) = handshake(&Client::new(), &mut sender, url).await.unwrap();
        for text in ["a", "b"] {
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
        }
        assert!(ws.recv().await.unwrap_err().is_disconnect());
    })
    .await;
}

async fn error(answer: &'static [u8]) -> OpenError {
    bounded(async {
        let mut sender = answering(answer).await;
        let url = "ws://example.com/chat?a=b";
        handshake(&Client::new(), &mut sender, url)
            .await
            .unwrap_err()
    })
    .await
}

/// Proves: R6455-4.1-x
#[tokio::test]
async fn client_tells_a_refusal_with_its_body() {
    let answer =
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho";
    match error(answer).await {
        OpenError::Handshake(HandshakeError::Refused(refusal)) => {
            assert_eq!(refusal.status, 401);
            assert_eq!(refusal.headers["www-authenticate"], "Basic");
            assert_eq!(refusal.body, "who");
            assert!(refusal.body_is_complete);
        }
        other => panic!("{other:?}"),
    }
    // The body is cut off.
    match error(b"HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nhalf").await {
        OpenError::Handshake(HandshakeError::Refused(refusal)) => {
            assert_eq!(refusal.body, "half");
            assert!(!refusal.body_is_complete);
        }
        other => panic!("{other:?}"),
    }
    // The body is longer than the limit: 0x4E20 bytes.
    let long: Vec<u8> = [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4E20\r\n"[..],
        &vec![b'x'; 20_000],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    match error(long.leak()).await {
        OpenError::Handshake(HandshakeError::Refused(refusal)) => {
            assert_eq!(refusal.body.len(), 16 << 10);
            assert!(!refusal.body_is_complete);
        }
        other => panic!("{other:?}"),
    }
}

/// Proves: R6455-4.1-y, R6455-4.1-aa
#[tokio::test]
async fn client_refuses_a_bad_answer() {
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let error_ = error(switching).await;
    assert!(
        matches!(error_, OpenError::Handshake(HandshakeError::InvalidAccept)),
        "{error_:?}"
    );
    let error_ = error(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n").await;
    assert!(
        matches!(error_, OpenError::Handshake(HandshakeError::MissingUpgrade)),
        "{error_:?}"
    );
    let error_ = error(b"").await;
    assert!(matches!(error_, OpenError::Io(_)), "{error_:?}");
    let error_ = error(b"\x16\x03\x01").await;
    assert!(matches!(error_, OpenError::Io(_)), "{error_:?}");
}

#[tokio::test]
async fn client_refuses_a_bad_request_before_it_is_sent() {
    bounded(async {
        let listener = listen().await;
        let mut sender = connect(&listener).await;
        let client = Client::new();
        let error = handshake(&client, &mut sender, "ws://example.com/#a");
        let error = error.await.unwrap_err();
        assert!(matches!(error, OpenError::Request(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn client_does_not_wait_for_ever() {
    bounded(async {
        let listener = listen().await;
        let mut sender = connect(&listener).await;
        let limit = std::time::Duration::from_millis(10);
        let config = wskit_proto::Config::new().handshake_timeout(limit);
        let client = Client::new().config(config);
        let error = handshake(&client, &mut sender, "ws://example.com/").await;
        assert!(matches!(error, Err(OpenError::Timeout)), "{error:?}");
    })
    .await;
}
