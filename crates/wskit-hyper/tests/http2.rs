//! Extended CONNECT over HTTP/2 (RFC 8441), between hyper and hyper.

mod net;

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake as http2};
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::bounded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wskit_handshake::OriginPolicy;
use wskit_hyper::{ConnectionError, Io, Server, WebSocket, upgrade};
use wskit_proto::{CloseCode, Config, Role};

type Sender = mpsc::UnboundedSender<Result<(), ConnectionError>>;

/// A connection to a server that echoes.
async fn connect() -> SendRequest<Empty<Bytes>> {
    connect_telling(mpsc::unbounded_channel().0).await
}

/// Connects to a server that echoes. The channel receives how each echo ended.
async fn connect_telling(ended: Sender) -> SendRequest<Empty<Bytes>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let service = service_fn(|mut request: Request<Incoming>| {
            let ended = ended.clone();
            async move {
                if request.uri().path() == "/page" {
                    return Ok(Response::new(String::from("a page")));
                }
                let server = Server::new(OriginPolicy::SameOrigin).protocols(["chat"]);
                Ok::<_, std::convert::Infallible>(match upgrade(&mut request, &server) {
                    Ok((response, opening)) => {
                        tokio::spawn(async move {
                            let ws = opening.open().await.unwrap();
                            let _ = ended.send(echo(ws).await);
                        });
                        response.map(|()| String::new())
                    }
                    Err(refused) => {
                        let body = |body: Bytes| String::from_utf8(body.to_vec()).unwrap();
                        refused.into_response().map(body)
                    }
                })
            }
        });
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.enable_connect_protocol();
        let _ = server.serve_connection(TokioIo::new(tcp), service).await;
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2(TokioExecutor::new(), TokioIo::new(tcp))
        .await
        .unwrap();
    tokio::spawn(connection);
    // With the response the server's settings have arrived, which allow the CONNECT (§3).
    let page = request(Method::GET, "/page", None);
    assert_eq!(sender.send_request(page).await.unwrap().status(), 200);
    sender
}

async fn echo(mut ws: WebSocket) -> Result<(), ConnectionError> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

fn request(method: Method, path: &str, protocol: Option<&'static str>) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    *request.uri_mut() = format!("http://example.com{path}").parse().unwrap();
    *request.version_mut() = Version::HTTP_2;
    if let Some(protocol) = protocol {
        request
            .extensions_mut()
            .insert(Protocol::from_static(protocol));
        let headers = request.headers_mut();
        headers.insert("sec-websocket-version", "13".parse().unwrap());
        headers.insert("sec-websocket-protocol", "other, chat".parse().unwrap());
    }
    request
}

/// Proves: R8441-5-a, R8441-5-c, R8441-5-d, R8441-5-e, R8441-5-f, R8441-5-g, R8441-5-h
#[tokio::test]
async fn server_opens_a_websocket_over_http2() {
    bounded(async {
        let mut sender = connect().await;
        // Two on one connection.
        for _ in 0..2 {
            let connect = request(Method::CONNECT, "/chat", Some("websocket"));
            let mut response = sender.send_request(connect).await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
            assert!(!response.headers().contains_key("sec-websocket-accept"));
            let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
            let (io, leftover) = Io::new(upgraded);
            assert!(io.tcp().is_none());
            let mut ws = WebSocket::from_parts(io, Role::Client, leftover, Config::new());
            for size in [0, 1, 100_000] {
                let message = "x".repeat(size);
                ws.send(message.as_str()).await.unwrap();
                assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*message));
            }
            let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(outcome.is_clean());
        }
    })
    .await;
}

/// Proves: R8441-5-a, R8441-5-f
#[tokio::test]
async fn server_refuses_over_http2() {
    bounded(async {
        let mut sender = connect().await;
        let other = request(Method::CONNECT, "/chat", Some("connect-udp"));
        let mut evil = request(Method::CONNECT, "/chat", Some("websocket"));
        evil.headers_mut()
            .insert("origin", "https://evil.example".parse().unwrap());
        let mut old = request(Method::CONNECT, "/chat", Some("websocket"));
        old.headers_mut()
            .insert("sec-websocket-version", "8".parse().unwrap());
        let get = request(Method::GET, "/chat", None);
        for (request, status) in [(other, 400), (evil, 403), (old, 426), (get, 426)] {
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key("connection"));
        }
    })
    .await;
}

/// The stream of a CONNECT, as hyper's client has it.
async fn tunnel(sender: &mut SendRequest<Empty<Bytes>>) -> Upgraded {
    let connect = request(Method::CONNECT, "/chat", Some("websocket"));
    let mut response = sender.send_request(connect).await.unwrap();
    hyper::upgrade::on(&mut response).await.unwrap()
}

/// END_STREAM is the end of the transport, RST_STREAM its failure; neither is a Close.
///
/// Proves: R8441-5-i
#[tokio::test]
async fn end_of_the_stream_without_a_close_is_an_error() {
    bounded(async {
        let (ended, mut told) = mpsc::unbounded_channel();
        let mut sender = connect_telling(ended).await;

        let mut ended_in_order = TokioIo::new(tunnel(&mut sender).await);
        ended_in_order.shutdown().await.unwrap();
        let error = told.recv().await.unwrap().unwrap_err();
        assert!(
            matches!(error, ConnectionError::Disconnected { .. }),
            "{error:?}"
        );

        // hyper's client resets a stream that is dropped.
        drop(tunnel(&mut sender).await);
        let error = told.recv().await.unwrap().unwrap_err();
        assert!(error.is_disconnect(), "{error:?}");
    })
    .await;
}

/// The security rules of RFC 6455 hold over HTTP/2 too: an unmasked frame fails the connection, and
/// so does a message above the limit.
///
/// Proves: R8441-8-a
#[tokio::test]
async fn rules_of_security_hold_over_http2() {
    bounded(async {
        for (frames, code) in [
            // Text "a", not masked: 1002.
            (&b"\x81\x01a"[..], 1002_u16),
            // A masked binary of 2^40 bytes: 1009, by its header.
            (b"\x82\xff\0\0\x01\0\0\0\0\0\0\0\0\0", 1009),
        ] {
            let (ended, mut told) = mpsc::unbounded_channel();
            let mut sender = connect_telling(ended).await;
            let mut io = TokioIo::new(tunnel(&mut sender).await);
            io.write_all(frames).await.unwrap();
            let [high, low] = code.to_be_bytes();
            let mut answer = [0; 4];
            io.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [0x88, 2, high, low]);
            drop(io);
            assert!(told.recv().await.unwrap().is_err());
        }
    })
    .await;
}

/// A CONNECT without `:protocol` requests a tunnel to its authority, which is refused.
///
/// Proves: R8441-4-c
#[tokio::test]
async fn server_opens_no_tunnel_to_an_authority() {
    bounded(async {
        let mut sender = connect().await;
        let mut plain = request(Method::CONNECT, "", None);
        *plain.uri_mut() = "127.0.0.1:1".parse().unwrap();
        let response = sender.send_request(plain).await.unwrap();
        assert!(!response.status().is_success(), "{}", response.status());
    })
    .await;
}
