//! An echo server that shuts down gracefully: type a line (or end its input), and it closes all
//! connections.
//!
//! ```sh
//! cargo run --example graceful                          # listens on 127.0.0.1:9001
//! cargo run --example client -- ws://127.0.0.1:9001     # in other terminals, as often as you like
//! ```
//!
//! In a service, wait for the signal of your service manager where this waits for a line.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use wskit::{Error, OriginPolicy, SendError, Server, ServerStream, Shutdown, WebSocket};

/// Less than service managers wait before they kill (systemd 90 s, Kubernetes 30 s, Docker 10 s).
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(OriginPolicy::SameOrigin);
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    println!("listening on ws://{}", listener.local_addr()?);

    let shutdown = Shutdown::new();
    let serving = server
        .serve(listener, |ws, _peer| echo(ws))
        .shutdown(&shutdown)
        .on_error(wskit_examples::report);
    let serving = tokio::spawn(serving.into_future());

    let _any = tokio::io::stdin().read(&mut [0; 64]).await?;
    println!("closing {} connections", shutdown.connections());
    // It stops accepting at once and drops the listener: the port is free for the next process.
    let report = shutdown.finish(PATIENCE).await?;
    println!("{report}");
    serving.await??;
    Ok(())
}

async fn echo(mut ws: WebSocket<ServerStream>) -> Result<(), Error> {
    // The loop need not know of the shutdown: it ends as if the client had closed.
    while let Some((message, out)) = ws.recv_ref().await? {
        match out.feed(message) {
            Err(SendError::Closed) => {} // a message that crossed our Close gets no answer
            fed => fed?,
        }
    }
    Ok(())
}
