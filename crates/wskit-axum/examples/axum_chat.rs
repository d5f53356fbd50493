//! A chat room in axum: every member receives each message.
//!
//! Run it, and open <http://127.0.0.1:3000> in two windows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, atomic};
use std::time::Duration;

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Router, routing::any};
use wskit_axum::{
    Lane, LaneConfig, Overflow, PreparedMessage, Shutdown, WebSocket, WebSocketUpgrade,
    WebSocketUpgradeRejection,
};

#[derive(Clone, Default)]
struct Chat {
    members: Arc<Mutex<HashMap<u64, Lane>>>,
    shutdown: Shutdown,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chat = Chat::default();
    let app = Router::new()
        .route("/", any(visit))
        .with_state(chat.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    let requested = chat.shutdown.clone();
    let serving = axum::serve(listener, app)
        .with_graceful_shutdown(async move { requested.requested().await });
    let stopping = async {
        tokio::signal::ctrl_c().await?;
        chat.shutdown.finish(Duration::from_secs(10)).await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let (served, stopped) = tokio::join!(serving.into_future(), stopping);
    served?;
    stopped?;
    // Those whose request was being answered are told too.
    let report = chat.shutdown.finish(Duration::from_secs(1)).await?;
    println!("{report}");
    Ok(())
}

/// The page, or the WebSocket that the page opens.
async fn visit(
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    State(chat): State<Chat>,
) -> Response {
    match ws {
        // Pages of the same host only: that is the default.
        Ok(ws) => ws.shutdown(&chat.shutdown).on_upgrade(|ws| join(ws, chat)),
        Err(rejection) if rejection.is_plain_http() => Html(PAGE).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

async fn join(ws: WebSocket, chat: Chat) {
    static NEXT: atomic::AtomicU64 = atomic::AtomicU64::new(0);
    let id = NEXT.fetch_add(1, atomic::Ordering::Relaxed);
    let (mut reader, writer) = ws.split();
    // A member who reads too slowly is sent away; others must not wait for it.
    let config = LaneConfig::new()
        .overflow(Overflow::Disconnect)
        .max_messages(64);
    let lane = writer.lane(config);
    chat.members.lock().unwrap().insert(id, lane);
    while let Ok(Some(message)) = reader.recv().await {
        let message = PreparedMessage::new(&message);
        for member in chat.members.lock().unwrap().values_mut() {
            let _ = member.push(&message); // fails if the member is leaving
        }
    }
    chat.members.lock().unwrap().remove(&id);
}

const PAGE: &str = r#"<!doctype html>
<title>Chat</title>
<form><input autofocus> <button>say</button></form>
<ul></ul>
<script>
  const ws = new WebSocket(location.href.replace("http", "ws"));
  const input = document.querySelector("input");
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    ws.send(input.value);
    input.value = "";
  };
  ws.onmessage = (event) => {
    const item = document.createElement("li");
    item.textContent = event.data;
    document.querySelector("ul").append(item);
  };
</script>
"#;
