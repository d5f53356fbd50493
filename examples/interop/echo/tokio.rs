//! The echo server of the interop checks and of Autobahn, on tokio. For a first look, read
//! `echo_server.rs` instead.
//!
//! ```sh
//! cargo run --release --example interop_echo_tokio -- 127.0.0.1:9001
//! node examples/interop/peers/node_client.mjs ws://127.0.0.1:9001    # with `ws` installed
//! ```
//!
//! Arguments: `[ADDRESS] [--deflate[=SPEC]] [--tls]`; see `../README.md`.

mod echo;

use std::time::Duration;

use tokio::net::TcpListener;
use wskit::tokio::Tokio;

use echo::Echo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let echo = Echo::<Tokio>::from_arguments()?;
    echo.announce(listener.local_addr()?);
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
        tokio::spawn(echo.clone().serve(stream, peer));
    }
}
