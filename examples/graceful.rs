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
use tokio::net::{TcpListener, TcpStream};
use wskit::{Error, OriginPolicy, Server, Shutdown};

/// Less than service managers wait before they kill (systemd 90 s, Kubernetes 30 s, Docker 10 s).
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(OriginPolicy::SameOrigin);
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    println!("listening on ws://{}", listener.local_addr()?);

    let shutdown = Shutdown::new();
    let accepting = tokio::spawn(accept(listener, server, shutdown.clone()));

    let _any = tokio::io::stdin().read(&mut [0; 64]).await?;
    println!("closing {} connections", shutdown.connections());
    let report = shutdown.finish(PATIENCE).await?;
    println!("{report}");
    accepting.await?;
    Ok(())
}

async fn accept(listener: TcpListener, server: Server, shutdown: Shutdown) {
    // A requested shutdown ends the loop and drops the listener: the port is free for the next process.
    while let Some(accepted) = shutdown.until_requested(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let (server, shutdown) = (server.clone(), shutdown.clone());
        tokio::spawn(async move {
            match serve(&server, stream, &shutdown).await {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}

async fn serve(server: &Server, stream: TcpStream, shutdown: &Shutdown) -> Result<(), Error> {
    // A shutdown does not wait for clients in the middle of their handshake.
    let Some(accepted) = shutdown.until_requested(server.accept(stream)).await else {
        return Ok(());
    };
    let mut ws = accepted?;
    ws.track(shutdown);
    // The loop need not know of the shutdown: it ends as if the client had closed.
    while let Some((message, out)) = ws.recv_ref().await? {
        match out.feed(message) {
            Err(wskit::SendError::Closed) => {} // a message that crossed our Close gets no answer
            fed => fed?,
        }
    }
    Ok(())
}
