//! An echo server, the program of the README.
//!
//! ```sh
//! cargo run --example echo_server                       # listens on 127.0.0.1:9001
//! cargo run --example client -- ws://127.0.0.1:9001     # in another terminal: type a line
//! ```

use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use wskit::{Error, OriginPolicy, Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::new(OriginPolicy::SameOrigin); // whose pages may connect is always decided
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
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
        tokio::spawn(async move {
            match echo(&server, stream).await {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {} // it closed, or went away
            }
        });
    }
}

async fn echo(server: &Server, stream: TcpStream) -> Result<(), Error> {
    let mut ws = server.accept(stream).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?; // leaves when there is nothing more to receive for now
    }
    Ok(())
}
