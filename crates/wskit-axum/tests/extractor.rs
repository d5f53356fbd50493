//! The extractor behind `axum::serve`, against wskit's own client and bare sockets.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wskit_axum::handshake::ClientRequest;
use wskit_axum::{
    CloseCode, Config, Ended, Observed, Observer, OpenError, OriginPolicy, Role, Server, WebSocket,
    WebSocketUpgrade, WebSocketUpgradeRejection, deflate,
};

async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

/// Serves until the test ends. Returns the URL of `/ws`.
async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn echo(mut ws: WebSocket) {
    while let Ok(Some((message, out))) = ws.recv_ref().await {
        out.feed(message).unwrap();
    }
}

fn request(more: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

async fn dial(url: &str) -> TcpStream {
    let address = url.strip_prefix("ws://").unwrap();
    let address = address.strip_suffix("/ws").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Sends, and reads the head and the rest until the end.
async fn exchange(url: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut tcp = dial(url).await;
    tcp.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

/// Proves: R6455-4.2.2-g, R6455-4.2.2-k, R6455-4.2.2-n
#[tokio::test]
async fn handler_agrees_on_protocol_and_compression() {
    bounded(async {
        let handler = |ws: WebSocketUpgrade| async {
            assert_eq!(ws.path(), "/ws");
            ws.protocols(["chat", "superchat"])
                .config(Config::new().max_message_size(1000))
                .deflate(deflate::Config::server())
                .on_upgrade(|mut ws| async move {
                    assert_eq!(ws.protocol(), Some("superchat"));
                    assert!(ws.deflate().is_some());
                    assert!(ws.get_ref().tcp().unwrap().nodelay().unwrap());
                    while let Ok(Some(message)) = ws.recv().await {
                        ws.send(message).await.unwrap();
                    }
                })
        };
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let request = ClientRequest::new(&url)
            .and_then(|request| request.protocols(["other", "superchat", "chat"]))
            .unwrap();
        let (mut ws, _) = wskit_tokio::Connector::new()
            .deflate(deflate::Config::client())
            .connect(request)
            .await
            .unwrap();
        assert_eq!(ws.protocol(), Some("superchat"));
        assert!(ws.deflate().is_some());
        let text = "x".repeat(1000);
        ws.send(text.as_str()).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
        // One byte above the limit of the configuration.
        ws.send(format!("{text}x")).await.unwrap();
        while let Ok(Some(_)) = ws.recv().await {}
        assert_eq!(ws.outcome().unwrap().code(), CloseCode::MESSAGE_TOO_BIG);
    })
    .await;
}

#[tokio::test]
async fn handler_takes_settings_from_state() {
    bounded(async {
        async fn handler(ws: WebSocketUpgrade, State(server): State<Server>) -> Response {
            ws.server(server).on_upgrade(echo)
        }
        let server =
            Server::new(OriginPolicy::list(["https://a.example"]).unwrap()).protocols(["chat"]);
        let app = Router::new().route("/ws", any(handler)).with_state(server);
        let url = serve(app).await;
        let request = |origin: &str| {
            let request = ClientRequest::new(&url).and_then(|request| request.protocol("chat"));
            request.and_then(|request| request.origin(origin)).unwrap()
        };
        let good = wskit_tokio::connect(request("https://a.example")).await;
        assert_eq!(good.unwrap().protocol(), Some("chat"));
        let bad = wskit_tokio::connect(request("https://b.example")).await;
        assert!(
            matches!(&bad, Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 403)),
            "{bad:?}"
        );
    })
    .await;
}

/// Connections of a handler are counted like others: opened, ended, and refused.
#[tokio::test]
async fn handler_tells_the_observer_of_its_server() {
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);
    impl Observer for Told {
        fn opened(&self, connection: &Observed<'_>) {
            let told = format!("opened {:?}", connection.role);
            self.0.lock().unwrap().push(told);
        }
        fn refused(&self, _: Role, error: &(dyn std::error::Error + 'static)) {
            self.0.lock().unwrap().push(format!("refused: {error}"));
        }
        fn ended(&self, _: &Observed<'_>, end: &Ended<'_>) {
            let told = format!("ended after {}", end.metrics.received.messages);
            self.0.lock().unwrap().push(told);
        }
    }
    bounded(async {
        async fn handler(ws: WebSocketUpgrade, State(server): State<Server>) -> Response {
            ws.server(server).on_upgrade(echo)
        }
        let told = Arc::new(Told::default());
        let server = Server::new(OriginPolicy::SameOrigin).observer(told.clone());
        let app = Router::new().route("/ws", get(handler)).with_state(server);
        let url = serve(app).await;
        let (answer, _) =
            exchange(&url, request("Origin: https://evil.example\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        ws.send("one").await.unwrap();
        ws.recv().await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        while told.0.lock().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        let told = told.0.lock().unwrap().join("; ");
        let refused = OpenError::OriginRefused;
        assert_eq!(
            told,
            format!("refused: {refused}; opened Server; ended after 1")
        );
    })
    .await;
}

/// Proves: R6455-4.2.2-p
#[tokio::test]
async fn handler_reads_frames_right_behind_the_request() {
    bounded(async {
        let handler = |ws: WebSocketUpgrade| async { ws.on_upgrade(echo) };
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let mut bytes = request("").into_bytes();
        bytes.extend_from_slice(b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b\x88\x82\0\0\0\0\x03\xE8");
        let (head, frames) = exchange(&url, &bytes).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(frames, b"\x81\x01a\x81\x01b\x88\x02\x03\xE8");
    })
    .await;
}

/// Proves: R6455-4.2.2-d, R6455-4.2.2-e, R6455-4.4-a, R6455-10.2-a
#[tokio::test]
async fn handler_refuses_with_the_right_status() {
    bounded(async {
        let handler = |ws: WebSocketUpgrade| async { ws.on_upgrade(echo) };
        let url = serve(Router::new().route("/ws", any(handler))).await;
        let good = request("");
        for (request, status, line) in [
            // By default pages of the same host only.
            (request("Origin: https://evil.example\r\n"), 403, ""),
            (
                request("Origin: https://example.com.evil.example\r\n"),
                403,
                "",
            ),
            (request("Origin: null\r\n"), 403, ""),
            (request("Origin: https://example.com\r\n"), 101, ""),
            (
                good.replace("Version: 13", "Version: 8"),
                426,
                "sec-websocket-version: 13\r\n",
            ),
            (
                good.replace("Upgrade: websocket\r\n", ""),
                426,
                "upgrade: websocket\r\n",
            ),
            (good.replace("Connection: Upgrade\r\n", ""), 400, ""),
            (good.replace("Sec-WebSocket-Key", "X"), 400, ""),
            (good.replace("GET", "POST"), 405, "allow: GET\r\n"),
            (good.replace("HTTP/1.1", "HTTP/1.0"), 505, ""),
        ] {
            let frames = b"\x88\x82\0\0\0\0\x03\xE8";
            let (answer, _) = exchange(&url, &[request.as_bytes(), frames].concat()).await;
            assert!(answer.contains(&format!(" {status} ")), "{request}{answer}");
            assert!(answer.contains(line), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn handler_may_answer_otherwise() {
    bounded(async {
        // Dropping the extractor leaves the connection with HTTP.
        async fn handler(ws: WebSocketUpgrade, headers: HeaderMap) -> Response {
            if headers.contains_key("authorization") {
                return ws
                    .accept_with(|accept| accept.cookie("id=1"))
                    .on_upgrade(echo);
            }
            StatusCode::UNAUTHORIZED.into_response()
        }
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let refused = wskit_tokio::connect(&url).await;
        assert!(
            matches!(&refused, Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 401)),
            "{refused:?}"
        );
        let request = ClientRequest::new(&url).and_then(|request| request.basic_auth("a", "b"));
        let connector = wskit_tokio::Connector::new();
        let (_, response) = connector.connect(request.unwrap()).await.unwrap();
        assert_eq!(response.headers()["set-cookie"], "id=1");
    })
    .await;
}

#[tokio::test]
async fn handler_serves_a_page_at_the_same_address() {
    bounded(async {
        async fn handler(ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
            match ws {
                Ok(ws) => ws.on_upgrade(echo),
                Err(rejection) if rejection.is_plain_http() => "a page".into_response(),
                Err(rejection) => rejection.into_response(),
            }
        }
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let page = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let (answer, body) = exchange(&url, page.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(body, b"a page");
        let (answer, _) = exchange(&url, request("").replace("13", "7").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
        let mut ws = wskit_tokio::connect(&url).await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    })
    .await;
}

/// A response that must not be sent.
#[tokio::test]
async fn handler_that_breaks_the_rules_answers_500() {
    bounded(async {
        let handler = |ws: WebSocketUpgrade| async {
            ws.accept_with(|accept| accept.protocol("unasked"))
                .on_upgrade(echo)
        };
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let (answer, _) = exchange(&url, request("").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    })
    .await;
}

/// Middleware drops the response, so the upgrade does not happen.
#[tokio::test]
async fn handler_learns_that_there_is_no_connection() {
    bounded(async {
        let (errors, mut told) = mpsc::unbounded_channel();
        let limit = Duration::from_millis(10);
        let handler = move |ws: WebSocketUpgrade| async move {
            ws.config(Config::new().handshake_timeout(limit))
                .on_failed_upgrade(move |error| errors.send(error).unwrap())
                .on_upgrade(|_| async { unreachable!("there is no connection") })
        };
        let app = Router::new()
            .route("/ws", get(handler))
            .layer(middleware::map_response(|_: Response| async { "another" }));
        let url = serve(app).await;
        let mut tcp = dial(&url).await;
        tcp.write_all(request("").as_bytes()).await.unwrap();
        let error = told.recv().await.unwrap();
        assert!(matches!(error, OpenError::Timeout), "{error:?}");
    })
    .await;
}

/// The callback's future ends, or panics, and takes the connection with it.
#[tokio::test]
async fn client_sees_the_end_when_the_callback_ends() {
    bounded(async {
        let quiet = |ws: WebSocketUpgrade| async { ws.on_upgrade(|_ws| async {}) };
        let url = serve(Router::new().route("/ws", get(quiet))).await;
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        let error = ws.recv().await.unwrap_err();
        assert!(error.is_disconnect(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn halves_of_one_connection_work_in_two_tasks() {
    bounded(async {
        let handler = |ws: WebSocketUpgrade| async {
            ws.on_upgrade(|ws| async move {
                let (mut reader, writer) = ws.split();
                let greeting = writer.clone();
                tokio::spawn(async move { greeting.send("hello").await });
                while let Ok(Some(message)) = reader.recv().await {
                    writer.send(message).await.unwrap();
                }
            })
        };
        let url = serve(Router::new().route("/ws", get(handler))).await;
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
        ws.send("echo").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("echo"));
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    })
    .await;
}
