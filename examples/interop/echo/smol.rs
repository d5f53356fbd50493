//! The echo server of the interop checks and of Autobahn, on smol. For a first look, read
//! `echo_server.rs` instead.
//!
//! ```sh
//! cargo run --release --features async-std --example interop_echo_smol -- 127.0.0.1:9001
//! node examples/interop/peers/node_client.mjs ws://127.0.0.1:9001    # with `ws` installed
//! ```
//!
//! Arguments: `[ADDRESS] [--deflate[=SPEC]] [--tls]`; see `../README.md`.

mod echo;

use std::time::Duration;

use smol::net::TcpListener;
use wskit::smol::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    let server: Server = echo::server()?;

    #[cfg(feature = "tls")]
    let tls = echo::wants_tls().then(acceptor).transpose()?;
    #[cfg(feature = "tls")]
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    #[cfg(not(feature = "tls"))]
    let scheme = "ws";
    println!("listening on {scheme}://{}", listener.local_addr()?);

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
        let server = server.clone();
        #[cfg(feature = "tls")]
        let tls = tls.clone();
        smol::spawn(async move {
            #[cfg(feature = "tls")]
            let result = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => echo::echo(&server, stream).await,
                    Err(error) => Err(error.into()),
                },
                None => echo::echo(&server, stream).await,
            };
            #[cfg(not(feature = "tls"))]
            let result = echo::echo(&server, stream).await;
            wskit_examples::report(peer, result);
        })
        .detach();
    }
}

#[cfg(feature = "tls")]
fn acceptor() -> Result<wskit::smol::tls::Acceptor, Box<dyn std::error::Error>> {
    let (chain, key) = wskit_examples::certificate()?;
    Ok(wskit::smol::tls::Acceptor::from_pem(chain, key)?)
}
