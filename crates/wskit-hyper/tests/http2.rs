//! Extended CONNECT over HTTP/2 (RFC 8441), between hyper and hyper.

mod net;

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake as http2};
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::bounded;
use tokio::net::{TcpListener, TcpStream};
use wskit_handshake::OriginPolicy;
use wskit_hyper::{Io, Server, WebSocket, upgrade};
use wskit_proto::{CloseCode, Config, Role};

/// A connection to a server that echoes.
async fn connect() -> SendRequest<Empty<Bytes>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let service = service_fn(|mut request: Request<Incoming>| async move {
            if request.uri().path() == "/page" {
                return Ok(Response::new(String::from("a page")));
            }
            let server = Server::new(OriginPolicy::SameOrigin).protocols(["chat"]);
            Ok::<_, std::convert::Infallible>(match upgrade(&mut request, &server) {
                Ok((response, opening)) => {
                    tokio::spawn(async move {
                        let mut ws = opening.open().await.unwrap();
                        while let Some((message, out)) = ws.recv_ref().await.unwrap() {
                            out.feed(message).unwrap();
                        }
                    });
                    response.map(|()| String::new())
                }
                Err(refused) => {
                    let body = |body: Bytes| String::from_utf8(body.to_vec()).unwrap();
                    refused.into_response().map(body)
                }
            })
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
    // With its answer the server's settings are here, which allow the CONNECT (§3).
    let page = request(Method::GET, "/page", None);
    assert_eq!(sender.send_request(page).await.unwrap().status(), 200);
    sender
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
        for (request, status) in [(other, 400), (evil, 403), (old, 426), (get, 505)] {
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key("connection"));
        }
    })
    .await;
}
