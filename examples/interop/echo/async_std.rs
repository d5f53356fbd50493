//! The echo server of the interop checks and of Autobahn, on async-std. For a first look, read
//! `echo_server.rs` instead.
//!
//! ```sh
//! cargo run --release --features async-std --example interop_echo_async_std -- 127.0.0.1:9001
//! node examples/interop/peers/node_client.mjs ws://127.0.0.1:9001    # with `ws` installed
//! ```
//!
//! Arguments: `[ADDRESS] [--deflate[=SPEC]] [--tls]`; see `../README.md`.

mod echo;

use std::time::Duration;

use async_std::net::TcpListener;
use async_std::task;
use wskit::async_std::AsyncStd;

use echo::Echo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    task::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let echo = Echo::<AsyncStd>::from_arguments()?;
    echo.announce(listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                task::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        task::spawn(echo.clone().serve(stream, peer));
    }
}
