//! A chat: one port serves the page and its WebSocket. Open it in two tabs.
//!
//! `cargo run --example chat -- [ADDRESS] [--origin=ORIGIN]…`; the protocol is in `PROTOCOL.md`, the
//! rooms are in `../src/chat.rs`, one person is served in `../src/chat/serve.rs`. With `--features tls`
//! and `--tls` it is served by `https://` and `wss://`, with a certificate made on the spot.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use wskit::Server;
use wskit_examples::chat::{self, Rooms};
use wskit_examples::door::Door;
use wskit_examples::echo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let door = Door::from_arguments()?;
    let server: Server = chat::server()?;
    door.announce(listener.local_addr()?);

    let rooms = Arc::new(Rooms::default());
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let (door, server, rooms) = (door.clone(), server.clone(), rooms.clone());
        tokio::spawn(async move {
            let served = async {
                let stream = door.enter(stream).await?;
                chat::serve(&server, &rooms, stream).await
            };
            echo::report(peer, served.await);
        });
    }
}
