//! Echoes every message; the loop is in `src/echo.rs`.
//!
//! `cargo run --release --example echo-server-tokio -- [ADDRESS] [--deflate]`; `--deflate` agrees to
//! compression. With `--features tls` and `--tls` it speaks `wss://`, with a certificate made on the
//! spot.

use std::time::Duration;

use tokio::net::TcpListener;
use wskit::Server;
use wskit_examples::echo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let server = server.clone();
        #[cfg(feature = "tls")]
        let tls = tls.clone();
        tokio::spawn(async move {
            #[cfg(feature = "tls")]
            let result = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => echo::echo(&server, stream).await,
                    Err(error) => Err(error),
                },
                None => echo::echo(&server, stream).await,
            };
            #[cfg(not(feature = "tls"))]
            let result = echo::echo(&server, stream).await;
            echo::report(peer, result);
        });
    }
}

#[cfg(feature = "tls")]
fn acceptor() -> Result<wskit::tls::Acceptor, Box<dyn std::error::Error>> {
    let (chain, key) = echo::certificate()?;
    Ok(wskit::tls::Acceptor::from_pem(chain, key)?)
}
