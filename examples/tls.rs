//! Both ends of `wss://`: an echo server with a certificate, and a client that trusts it.
//!
//! ```sh
//! cargo run --features tls --example tls    # prints what came back
//! ```
//!
//! The certificate is made on the spot. A service reads its own from files, and a client trusts
//! the usual authorities without being told.

use tokio::net::TcpListener;
use wskit::tls::{self, Acceptor};
use wskit::{CloseCode, Connector, Error, OriginPolicy, Server, ServerStream, WebSocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (chain, key) = wskit_examples::certificate()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("wss://{}", listener.local_addr()?);
    let serving = Server::new(OriginPolicy::SameOrigin)
        .serve(listener, |ws, _peer| echo(ws))
        .tls(Acceptor::from_pem(&chain, key)?)
        .on_error(wskit_examples::report);
    tokio::spawn(serving.into_future());

    let connector = Connector::new().tls(tls::Connector::trusting(chain)?);
    let (mut ws, _response) = connector.connect(&url).await?;
    ws.send("hello").await?;
    let echo = ws.recv().await?.ok_or("the server closed")?;
    println!("{url} answers {echo}");
    println!("{}", ws.close(CloseCode::NORMAL, "bye").await?);
    Ok(())
}

/// Echoes. Inside TLS a connection is of the same type as without.
async fn echo(mut ws: WebSocket<ServerStream>) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}
