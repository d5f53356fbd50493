//! The echo server on smol.
//!
//! ```sh
//! cargo run --features smol --example echo_server_smol    # listens on 127.0.0.1:9001
//! cargo run --example client -- ws://127.0.0.1:9001            # in another terminal: type a line
//! ```

use std::time::Duration;

use smol::net::{TcpListener, TcpStream};
use wskit::smol::Server;
use wskit::{Error, OriginPolicy};

fn main() -> std::io::Result<()> {
    smol::block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let server = Server::new(OriginPolicy::SameOrigin); // whose pages may connect is always decided
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
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
        smol::spawn(async move {
            match echo(&server, stream).await {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {} // it closed, or went away
            }
        })
        .detach();
    }
}

async fn echo(server: &Server, stream: TcpStream) -> Result<(), Error> {
    let mut ws = server.accept(stream).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?; // leaves when there is nothing more to receive for now
    }
    Ok(())
}
