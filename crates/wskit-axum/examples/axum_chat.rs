//! A chat room in axum: every member receives each message.
//!
//! Run it, and open <http://127.0.0.1:3000> in two windows.

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Router, routing::get};
use tokio::sync::broadcast;
use wskit_axum::{CloseCode, Message, WebSocket, WebSocketUpgrade, WebSocketUpgradeRejection};

type Room = broadcast::Sender<Message>;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (room, _) = broadcast::channel(64);
    let app = Router::new().route("/", get(visit)).with_state(room);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await
}

/// The page, or the WebSocket that the page opens.
async fn visit(
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    State(room): State<Room>,
) -> Response {
    match ws {
        // Pages of the same host only: that is the default.
        Ok(ws) => ws.on_upgrade(|ws| join(ws, room)),
        Err(rejection) if rejection.is_plain_http() => Html(PAGE).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

async fn join(ws: WebSocket, room: Room) {
    let mut heard = room.subscribe();
    let (mut reader, writer) = ws.split();
    let talk = tokio::spawn(async move {
        loop {
            match heard.recv().await {
                Ok(message) => {
                    if writer.send(message).await.is_err() {
                        return;
                    }
                }
                // It reads too slowly to keep up; others must not wait for it.
                Err(_) => {
                    let _ = writer.close(CloseCode::TRY_AGAIN_LATER, "too slow").await;
                    return;
                }
            }
        }
    });
    while let Ok(Some(message)) = reader.recv().await {
        // There is at least this listener.
        let _ = room.send(message);
    }
    talk.abort();
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
