//! The extractor over HTTP/2 (RFC 8441), with the defaults of `axum::serve`.

#[path = "../../wskit-hyper/tests/net/flood.rs"]
mod flood;

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::any};
use bytes::Bytes;
use flood::{CLOSE, Socket, message, number};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use wskit_axum::proto::{Config, Role};
use wskit_axum::{CloseCode, Io, WebSocket, WebSocketUpgrade, WebSocketUpgradeRejection};

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
        // With the response the server's settings have arrived, which allow the CONNECT (§3).
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

/// A request that does not ask for a WebSocket is plain HTTP, over HTTP/2 as
/// well.
#[tokio::test]
async fn handler_serves_a_page_at_the_same_address_over_http2() {
    async fn handler(ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
        match ws {
            Ok(ws) => ws.on_upgrade(|_| async {}),
            Err(rejection) if rejection.is_plain_http() => "a page".into_response(),
            Err(rejection) => rejection.into_response(),
        }
    }
    let test = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/ws", any(handler));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let http2 = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (mut sender, connection) = http2.await.unwrap();
        tokio::spawn(connection);
        for (name, value, status) in [
            ("accept", "text/html", 200),
            ("upgrade-insecure-requests", "1", 200),
            // Asks for a WebSocket as in HTTP/1.1.
            ("sec-websocket-version", "13", 505),
        ] {
            let get = Request::get(format!("http://{address}/ws")).header(name, value);
            let get = get.body(Empty::<Bytes>::new()).unwrap();
            let response = sender.send_request(get).await.unwrap();
            assert_eq!(response.status(), status, "{name}");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), test)
        .await
        .expect("in time");
}

struct Site {
    listener: TcpListener,
    app: Router,
    release: Arc<Notify>,
    told: mpsc::UnboundedReceiver<Vec<u64>>,
}

/// `/busy` echoes a message, is busy until it is released, and tells what it receives then. `/echo`
/// echoes.
async fn site() -> Site {
    let release = Arc::new(Notify::new());
    let (tell, told) = mpsc::unbounded_channel();
    let released = release.clone();
    let busy = any(move |ws: WebSocketUpgrade| {
        let (released, tell) = (released.clone(), tell.clone());
        async {
            ws.on_upgrade(|mut ws| async move {
                let first = ws.recv().await.unwrap().unwrap();
                ws.send(first).await.unwrap();
                released.notified().await;
                let mut numbers = Vec::new();
                while let Some(message) = ws.recv().await.unwrap() {
                    numbers.push(number(message.as_bytes()));
                }
                let _ = tell.send(numbers);
            })
        }
    });
    let echo = any(|ws: WebSocketUpgrade| async {
        ws.on_upgrade(|mut ws| async move {
            while let Ok(Some((message, out))) = ws.recv_ref().await {
                out.feed(message).unwrap();
            }
        })
    });
    Site {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        app: Router::new().route("/busy", busy).route("/echo", echo),
        release,
        told,
    }
}

/// Sends 10,000 messages to the busy handler. After each `rest` of them a round trip of the
/// neighbour shows that the connection is idle. Nothing may be lost, and the neighbour must stay
/// alive.
async fn flood_busy(
    address: SocketAddr,
    release: &Notify,
    told: &mut mpsc::UnboundedReceiver<Vec<u64>>,
    rest: u64,
) {
    let client = &flood::connect(TcpStream::connect(address).await.unwrap()).await;
    let mut busy = Socket::open(client, "/busy").await;
    let mut neighbour = Socket::open(client, "/echo").await;
    busy.round_trip(0).await;
    for number in 0..10_000 {
        assert!(busy.data(message(number)).await, "ended at {number}");
        if (number + 1) % rest == 0 {
            neighbour.round_trip(number).await;
        }
    }
    release.notify_one();
    busy.send
        .send_data(Bytes::from_static(CLOSE), true)
        .unwrap();
    assert!(told.recv().await.unwrap().into_iter().eq(0..10_000));
    neighbour.round_trip(1).await;
}

/// h2 ends the connection at 2,241 unread messages of this size, with the windows of `axum::serve`.
#[tokio::test]
async fn small_messages_wait_for_a_busy_handler_of_axum_serve() {
    let test = async {
        let mut site = site().await;
        let address = site.listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(site.listener, site.app).await });
        flood_busy(address, &site.release, &mut site.told, 1000).await;
    };
    tokio::time::timeout(Duration::from_secs(20), test)
        .await
        .expect("in time");
}

/// All 10,000 at once: no task can run in between. `axum::serve` loses the connection.
#[tokio::test]
async fn small_messages_at_once_wait_for_a_busy_handler_of_wskit_axum_serve() {
    let test = async {
        let mut site = site().await;
        let address = site.listener.local_addr().unwrap();
        tokio::spawn(wskit_axum::serve(site.listener, site.app).into_future());
        flood_busy(address, &site.release, &mut site.told, 10_000).await;
    };
    tokio::time::timeout(Duration::from_secs(20), test)
        .await
        .expect("in time");
}
