//! A chat: one port serves the page and its WebSocket. Open it in two tabs.
//!
//! `cargo run --example chat -- [ADDRESS]`; the protocol is in `PROTOCOL.md`, the rooms are in
//! `../src/chat.rs`, one person is served in `../src/chat/serve.rs`.

use std::sync::Arc;

use tokio::net::TcpListener;
use wskit::Server;
use wskit_examples::chat::{self, Rooms};
use wskit_examples::echo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}");
    println!("open http://{address} in two tabs");

    let server: Server = chat::server();
    let rooms = Arc::new(Rooms::default());
    loop {
        let (stream, peer) = listener.accept().await?;
        let (server, rooms) = (server.clone(), rooms.clone());
        tokio::spawn(async move {
            echo::report(peer, chat::serve(&server, &rooms, stream).await);
        });
    }
}
