//! What layers of `tower-http` do to a WebSocket, in memory and with a clock that jumps.

#[path = "../../wskit-hyper/tests/net/flood.rs"]
mod flood;

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use flood::Socket;
use http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use wskit_axum::handshake::{ClientRequest, HandshakeError};
use wskit_axum::{OpenError, WebSocketUpgrade, http2_settings};

const TIMEOUT: Duration = Duration::from_secs(2);

/// `/echo` echoes, `/never` does not answer its request.
fn app() -> Router {
    async fn echo(ws: WebSocketUpgrade) -> Response {
        ws.on_upgrade(|mut ws| async move {
            while let Ok(Some((message, out))) = ws.recv_ref().await {
                out.feed(message).unwrap();
            }
        })
    }
    async fn never(_: WebSocketUpgrade) -> Response {
        pending().await
    }
    Router::new()
        .route("/echo", any(echo))
        .route("/never", any(never))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            TIMEOUT,
        ))
        .layer(TraceLayer::new_for_http())
}

fn connection() -> DuplexStream {
    let (near, far) = tokio::io::duplex(1024);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    http2_settings(&mut builder);
    tokio::spawn(async move {
        let app = TowerToHyperService::new(app());
        let _ = builder
            .serve_connection_with_upgrades(TokioIo::new(far), app)
            .await;
    });
    near
}

async fn open(
    path: &str,
    origin: &str,
) -> Result<(wskit_tokio::WebSocket<DuplexStream>, http::Response<()>), OpenError> {
    let request = ClientRequest::new(format!("ws://test{path}"))
        .and_then(|request| request.origin(origin))
        .and_then(|request| request.header("accept-encoding", "gzip"));
    let client = wskit_tokio::Client::new();
    client.handshake(connection(), request.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn websocket_outlives_the_timeout_and_is_not_compressed_as_http() {
    let (mut ws, response) = open("/echo", "http://test").await.unwrap();
    assert_eq!(response.status(), 101);
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    tokio::time::sleep(TIMEOUT * 2).await;
    ws.send("late").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("late"));
}

#[tokio::test(start_paused = true)]
async fn websocket_over_http2_outlives_the_timeout() {
    let client = flood::connect(connection()).await;
    let mut ws = Socket::open(&client, "/echo").await;
    ws.round_trip(1).await;
    tokio::time::sleep(TIMEOUT * 2).await;
    ws.round_trip(2).await;
}

/// The timeout counts until the handler has returned the response.
#[tokio::test(start_paused = true)]
async fn handler_that_does_not_answer_is_stopped_by_the_timeout() {
    let status = refusal("/never", "http://test").await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

/// CORS is for scripts that read responses, and does not concern a WebSocket: the extractor decides.
#[tokio::test(start_paused = true)]
async fn permissive_cors_lets_no_foreign_page_in() {
    let status = refusal("/echo", "https://evil.example").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

async fn refusal(path: &str, origin: &str) -> StatusCode {
    match open(path, origin).await.unwrap_err() {
        OpenError::Handshake(HandshakeError::Refused(refusal)) => refusal.status,
        error => panic!("{error}"),
    }
}
