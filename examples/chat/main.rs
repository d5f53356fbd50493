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
use std::time::Duration;

use wskit::Server;
use wskit_examples::chat::{self, Rooms};
use wskit_examples::tls_listener::TlsListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TlsListener::from_arguments().await?;
    let server: Server = chat::server()?;
    let rooms = Arc::new(Rooms::default());
    loop {
        let (incoming, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let (server, rooms) = (server.clone(), rooms.clone());
        tokio::spawn(async move {
            let served = async {
                let stream = incoming.handshake().await?;
                chat::serve(&server, &rooms, stream).await
            };
            wskit_examples::report(peer, served.await);
        });
    }
}
