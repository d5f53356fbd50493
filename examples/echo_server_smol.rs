//! The echo server on smol.
//!
//! ```sh
//! cargo run --features smol --example echo_server_smol    # listens on 127.0.0.1:9001
//! cargo run --example client -- ws://127.0.0.1:9001            # in another terminal: type a line
//! ```

use smol::net::TcpListener;
use wskit::smol::{Server, ServerStream, WebSocket};
use wskit::{Error, OriginPolicy};

fn main() -> std::io::Result<()> {
    smol::block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let server = Server::new(OriginPolicy::SameOrigin); // whose pages may connect is always decided
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
    server
        .serve(listener, |ws, _peer| echo(ws)) // a task for each connection
        .on_error(|error| {
            if !error.is_disconnect() {
                eprintln!("{error}");
            }
        })
        .await
}

async fn echo(mut ws: WebSocket<ServerStream>) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?; // leaves when there is nothing more to receive for now
    }
    Ok(())
}
