//! A chat: one port serves the page and its WebSocket. Open it in two tabs.
//!
//! ```sh
//! cargo run --example chat    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! Arguments: `[ADDRESS] [--origin=ORIGIN]… [--tls]`. `--origin` names pages of other servers that may
//! connect. `--tls` (with `--features tls`) serves `https://` and `wss://`, with a certificate made on the
//! spot. The protocol is in `PROTOCOL.md`, the rooms are in `../src/chat.rs`, one person is served in
//! `../src/chat/serve.rs`.

use std::sync::Arc;

use wskit::Server;
use wskit_examples::chat::{self, Chat};
use wskit_examples::pages;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (listener, address) = pages::listen().await?;
    let server: Server = chat::server()?;
    let chat = Arc::new(Chat::default());
    tokio::spawn(tokio::task::unconstrained(
        chat.hub.drive(tokio::time::sleep),
    ));
    let serving = server.serve_requests(listener, move |request, _| chat::serve(chat, request));
    let serving = pages::with_tls(serving, address)?.on_error(wskit_examples::report);
    Ok(serving.await?)
}
