//! Both ends of `wss://`: an echo server with a certificate, and a client that trusts it.
//!
//! ```sh
//! cargo run --features tls --example tls    # prints what came back
//! ```
//!
//! The certificate is made on the spot. A service reads its own from files, and a client trusts
//! the usual authorities without being told.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use wskit::tls::{self, Acceptor};
use wskit::{CloseCode, Connector, Error, OriginPolicy, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (chain, key) = wskit_examples::certificate()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("wss://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, Acceptor::from_pem(&chain, key)?));

    let connector = Connector::new().tls(tls::Connector::trusting(chain)?);
    let (mut ws, _response) = connector.connect(&url).await?;
    ws.send("hello").await?;
    let echo = ws.recv().await?.ok_or("the server closed")?;
    println!("{url} answers {echo}");
    println!("{}", ws.close(CloseCode::NORMAL, "bye").await?);
    Ok(())
}

async fn serve(listener: TcpListener, acceptor: Acceptor) {
    let server = Server::new(OriginPolicy::SameOrigin);
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
        let (acceptor, server) = (acceptor.clone(), server.clone());
        tokio::spawn(async move {
            match echo(&acceptor, &server, stream).await {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {} // it closed, or went away
            }
        });
    }
}

/// Does the TLS handshake in the task of the connection: a slow client does not hold up others.
async fn echo(acceptor: &Acceptor, server: &Server, stream: TcpStream) -> Result<(), Error> {
    let mut ws = server.accept(acceptor.accept(stream).await?).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}
