//! Handlers called by `Router::oneshot`, as tests of handlers do: there is a request, and no connection.

use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::any};
use hyper::ext::Protocol;
use tower::ServiceExt as _;
use wskit_axum::WebSocketUpgrade;

/// Wants the word `let-me-in` in a cookie, then upgrades.
async fn handler(ws: WebSocketUpgrade) -> Response {
    if ws.header_str("cookie") != Some("word=let-me-in") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ws.on_upgrade(|_| async { unreachable!("there is no connection") })
}

fn http1() -> Builder {
    Request::get("/ws")
        .header("host", "example.com")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn http2() -> Builder {
    Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri("https://example.com/ws")
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
}

async fn oneshot(request: Builder) -> (StatusCode, Response) {
    let app: Router = Router::new().route("/ws", any(handler));
    let request = request.body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    (response.status(), response)
}

#[tokio::test]
async fn handler_refuses_a_stranger_without_a_connection() {
    for request in [http1(), http2()] {
        let (status, _) = oneshot(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn foreign_origin_is_refused_without_a_connection() {
    for request in [http1(), http2()] {
        let request = request
            .header("cookie", "word=let-me-in")
            .header("origin", "https://evil.example");
        let (status, _) = oneshot(request).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn accepted_request_without_a_connection_is_told_so() {
    for request in [http1(), http2()] {
        let request = request
            .header("cookie", "word=let-me-in")
            .header("origin", "https://example.com");
        let (status, response) = oneshot(request).await;
        assert_eq!(status, StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.headers()["upgrade"], "websocket");
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(
            body,
            "the request has no connection to upgrade: a test without a connection?\n"
        );
    }
}

/// A request that breaks the rules is refused before the handler runs, with a connection or without.
#[tokio::test]
async fn broken_request_is_refused_without_a_connection() {
    let (status, _) = oneshot(http1().header("sec-websocket-key", "another")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = oneshot(Request::get("/ws")).await;
    assert_eq!(status, StatusCode::UPGRADE_REQUIRED);
}
