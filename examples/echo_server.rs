//! An echo server, the program of the README.
//!
//! ```sh
//! cargo run --example echo_server                       # listens on 127.0.0.1:9001
//! cargo run --example client -- ws://127.0.0.1:9001     # in another terminal: type a line
//! ```

use tokio::net::TcpListener;
use wskit::{Error, OriginPolicy, Server, ServerStream, WebSocket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
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
