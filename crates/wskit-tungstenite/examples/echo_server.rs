//! Echoes messages, compressed if the client offers it. A program for tokio-tungstenite, but for the line
//! that asks for compression.
//!
//! ```sh
//! cargo run -p wskit-tungstenite --example echo_server --features deflate -- 127.0.0.1:0 --deflate
//! ```

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use wskit_tungstenite as tokio_tungstenite;

use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Deflate, Result};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:9001".to_owned());
    let mut config = WebSocketConfig::default();
    if arguments.any(|argument| argument == "--deflate") {
        config = config.deflate(Deflate::default());
    }
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, perhaps: others will end.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            if let Err(error) = echo(stream, config).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream, config: WebSocketConfig) -> Result<()> {
    let mut ws = accept_async_with_config(stream, Some(config)).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}
