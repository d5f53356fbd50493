//! The echo server of the interop checks and of Autobahn, on smol. For a first look, read
//! `echo_server.rs` instead.
//!
//! ```sh
//! cargo run --release --features smol --example interop_echo_smol -- 127.0.0.1:9001
//! node examples/interop/peers/node_client.mjs ws://127.0.0.1:9001    # with `ws` installed
//! ```
//!
//! Arguments: `[ADDRESS] [--deflate[=SPEC]] [--tls]`; see `../README.md`.

mod echo;

use std::time::Duration;

use smol::net::TcpListener;
use wskit::smol::Smol;

use echo::Echo;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let echo = Echo::<Smol>::from_arguments()?;
    echo.announce(listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                smol::Timer::after(Duration::from_millis(10)).await;
                continue;
            }
        };
        smol::spawn(echo.clone().serve(stream, peer)).detach();
    }
}
