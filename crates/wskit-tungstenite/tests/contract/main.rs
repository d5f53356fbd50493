//! What programs that were written for tungstenite and tokio-tungstenite rely on: one test each.

mod closing;
mod handshakes;
mod messages;
mod new;
mod sending;
mod split;
mod tls;
mod traits;

use tokio::io::DuplexStream;
use wskit_tungstenite::WebSocketStream;
use wskit_tungstenite::protocol::{Role, WebSocketConfig};

/// A client and a server, after their handshake.
async fn pair() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    pair_with(None).await
}

async fn pair_with(
    config: Option<WebSocketConfig>,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    (
        WebSocketStream::from_raw_socket(client, Role::Client, config).await,
        WebSocketStream::from_raw_socket(server, Role::Server, config).await,
    )
}
