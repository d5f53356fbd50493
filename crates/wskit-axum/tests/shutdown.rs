//! A shutdown while a request for a WebSocket is being answered. The server's runtime is dropped when it has
//! ended, as at the end of `main`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing::any};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wskit_axum::{CloseCode, Report, Shutdown, WebSocketUpgrade};

/// Where the answer waits until the shutdown has been requested, and longer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    BeforeTheHandler,
    InTheHandler,
    AfterTheHandler,
    InTheCallback,
}

#[derive(Clone)]
struct Site {
    held: Held,
    shutdown: Shutdown,
    entered: Arc<Notify>,
}

impl Site {
    async fn hold(&self, at: Held) {
        if self.held == at {
            self.entered.notify_one();
            self.shutdown.requested().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn layer(State(site): State<Site>, request: Request, next: Next) -> Response {
    site.hold(Held::BeforeTheHandler).await;
    let response = next.run(request).await;
    site.hold(Held::AfterTheHandler).await;
    response
}

async fn handler(ws: WebSocketUpgrade, State(site): State<Site>) -> Response {
    let ws = ws.shutdown(&site.shutdown);
    site.hold(Held::InTheHandler).await;
    ws.on_upgrade(|mut ws| async move {
        site.hold(Held::InTheCallback).await;
        if site.held == Held::InTheCallback {
            ws.track(&site.shutdown); // counted once
        }
        while let Ok(Some(_)) = ws.recv().await {}
    })
}

/// The example of the guide.
async fn run(listener: TcpListener, site: Site) -> Report {
    let Site {
        shutdown, entered, ..
    } = site.clone();
    let app = Router::new()
        .route("/ws", any(handler))
        .layer(from_fn_with_state(site.clone(), layer))
        .with_state(site);
    let requested = shutdown.clone();
    let serving = axum::serve(listener, app)
        .with_graceful_shutdown(async move { requested.requested().await });
    let stopping = async {
        entered.notified().await;
        shutdown.finish(Duration::from_secs(10)).await
    };
    let (served, report) = tokio::join!(serving.into_future(), stopping);
    served.unwrap();
    report.unwrap();
    // Every request has its response now.
    shutdown.finish(Duration::from_secs(1)).await.unwrap()
}

fn told_to_go_away(held: Held) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            let site = Site {
                held,
                shutdown: Shutdown::new(),
                entered: Arc::default(),
            };
            run(TcpListener::from_std(listener).unwrap(), site).await
        })
    });
    let ended = runtime().block_on(async {
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        let received = tokio::time::timeout(Duration::from_secs(20), ws.recv()).await;
        received.unwrap().map(|_| ws.outcome().unwrap().code())
    });
    let report = server.join().unwrap();
    assert_eq!(ended.unwrap(), CloseCode::GOING_AWAY, "{held:?}: {report}");
    assert_eq!((report.clean, report.total()), (1, 1), "{held:?}: {report}");
}

#[test]
fn websocket_whose_request_waits_in_a_layer_is_told() {
    told_to_go_away(Held::BeforeTheHandler);
}

#[test]
fn websocket_whose_handler_waits_is_told() {
    told_to_go_away(Held::InTheHandler);
}

#[test]
fn websocket_whose_response_waits_in_a_layer_is_told() {
    told_to_go_away(Held::AfterTheHandler);
}

#[test]
fn websocket_whose_callback_has_not_received_is_told() {
    told_to_go_away(Held::InTheCallback);
}
