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

use async_std::net::TcpListener;
use async_std::task;
use wskit::async_std::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    task::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let server: Server = echo::server()?;

    let address = listener.local_addr()?;
    let serving = server.serve(listener, |ws, _peer| echo::echo(ws));
    let serving = serving.on_error(wskit_examples::report);
    #[cfg(feature = "tls")]
    if echo::wants_tls() {
        let serving = serving.tls(acceptor()?);
        println!("listening on wss://{address}");
        return Ok(serving.await?);
    }
    println!("listening on ws://{address}");
    Ok(serving.await?)
}

#[cfg(feature = "tls")]
fn acceptor() -> Result<wskit::async_std::tls::Acceptor, Box<dyn std::error::Error>> {
    let (chain, key) = wskit_examples::certificate()?;
    Ok(wskit::async_std::tls::Acceptor::from_pem(chain, key)?)
}
