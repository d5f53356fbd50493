//! The extractor over HTTP/2 (RFC 8441), as `axum::serve` speaks it without being told.

use std::time::Duration;

use axum::http::{Method, Request};
use axum::{Router, routing::any};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use wskit_axum::proto::{Config, Role};
use wskit_axum::{CloseCode, Io, WebSocket, WebSocketUpgrade};

/// Proves: R8441-5-a, R8441-5-f, R8441-5-g, R8441-5-h
#[tokio::test]
async fn handler_serves_a_websocket_over_http2() {
    let test = async {
        let handler = |ws: WebSocketUpgrade| async {
            ws.protocols(["chat"]).on_upgrade(|mut ws| async move {
                while let Ok(Some((message, out))) = ws.recv_ref().await {
                    out.feed(message).unwrap();
                }
            })
        };
        let app = Router::new()
            .route("/ws", any(handler))
            .route("/page", any(|| async { "a page" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });

        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let http2 = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (mut sender, connection) = http2.await.unwrap();
        tokio::spawn(connection);
        // With its answer the server's settings are here, which allow the CONNECT (§3).
        let page = Request::get(format!("http://{address}/page"));
        let page = sender.send_request(page.body(Empty::<Bytes>::new()).unwrap());
        assert_eq!(page.await.unwrap().status(), 200);

        let connect = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://{address}/ws"))
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "chat")
            .header("origin", format!("http://{address}"));
        let connect = connect.body(Empty::new()).unwrap();
        let mut response = sender.send_request(connect).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        let (io, leftover) = Io::new(hyper::upgrade::on(&mut response).await.unwrap());
        let mut ws = WebSocket::from_parts(io, Role::Client, leftover, Config::new());
        ws.send("over HTTP/2").await.unwrap();
        let echo = ws.recv().await.unwrap().unwrap();
        assert_eq!(echo.as_text(), Some("over HTTP/2"));
        let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(outcome.is_clean());
    };
    tokio::time::timeout(Duration::from_secs(20), test)
        .await
        .expect("in time");
}
