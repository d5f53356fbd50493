//! The chat on async-std: the rooms and the page of `chat`. Open it in two tabs.
//!
//! ```sh
//! cargo run --features async-std --example chat_async_std    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! The protocol is in `chat/PROTOCOL.md`, the rooms are in `src/chat.rs`, one person is served in
//! `src/chat/serve.rs`.

use std::sync::Arc;

use async_std::net::TcpListener;
use async_std::task;
use wskit::async_std::Server;
use wskit_examples::chat::{self, Chat};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    task::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}");
    println!("open http://{address} in two tabs");

    let server: Server = chat::server()?;
    let chat = Arc::new(Chat::default());
    task::spawn(chat.hub.drive(task::sleep));
    let serving = server.serve_requests(listener, move |request, _| chat::serve(chat, request));
    Ok(serving.on_error(wskit_examples::report).await?)
}
