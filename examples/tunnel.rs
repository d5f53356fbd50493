//! Carries TCP connections through WebSockets, as `ssh -L` does through SSH: where only HTTP gets out,
//! or to put a TCP service behind the TLS and the authentication of a web server.
//!
//! ```sh
//! # On the host of the service, here SSH:
//! cargo run --release --example tunnel -- listen ws://127.0.0.1:9001 127.0.0.1:22
//! # On the host of its user, and then `ssh -p 2222 localhost`:
//! cargo run --release --example tunnel -- connect 127.0.0.1:2222 ws://127.0.0.1:9001
//! ```
//!
//! With `--features tls` it connects to `wss://`. Every client that reaches the listening end reaches the
//! service: put a proxy in front of it that does TLS and authentication.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wskit::{ByteStream, OriginPolicy, Rejection, Request, Server};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "tunnel listen ws://ADDRESS TARGET, or tunnel connect ADDRESS ws://SERVER";
/// Most connections at once. Further ones wait to be accepted.
const MOST: usize = 1000;
/// How long the service may take to accept.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["listen", url, target] => {
            let address = url.strip_prefix("ws://").unwrap_or(url);
            listen(address.trim_end_matches('/'), target).await
        }
        ["connect", address, url] => connect(address, url).await,
        _ => Err(USAGE.into()),
    }
}

/// Runs the end beside the service.
async fn listen(address: &str, target: &str) -> Result<()> {
    // Programs, which send no Origin, may connect; pages may not.
    let server = Server::new(OriginPolicy::list::<[&str; 0]>([])?);
    let listener = TcpListener::bind(address).await?;
    println!("ws://{} leads to {target}", listener.local_addr()?);
    let target: Arc<str> = target.into();
    let serving = server.serve_requests(listener, move |request, _peer| async move {
        match request {
            // Connect to the service first, so that a failure is an HTTP response.
            Request::WebSocket(upgrade) => match dial(&target).await {
                Ok(tcp) => forward(tcp, ByteStream::new(upgrade.accept().await?)).await,
                Err(error) => {
                    let rejection = Rejection::unavailable().body("the service is down\n");
                    upgrade.reject(&rejection).await?;
                    Err(error)
                }
            },
            Request::Http(request) => {
                let answer = http::Response::builder()
                    .status(http::StatusCode::UPGRADE_REQUIRED)
                    .header(http::header::UPGRADE, "websocket")
                    .body("this is the end of a tunnel\n")?;
                Ok(request.respond(&answer).await?)
            }
        }
    });
    let serving = serving.max_connections(MOST);
    Ok(serving.on_error(|error| eprintln!("{error}")).await?)
}

/// Runs the end beside the user.
async fn connect(address: &str, url: &str) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("{} leads to {url}", listener.local_addr()?);
    let url: Arc<str> = url.into();
    each(listener, move |tcp| {
        let url = url.clone();
        async move { forward(tcp, ByteStream::new(wskit::connect(&*url).await?)).await }
    })
    .await
}

/// Serves every connection in a task of its own.
async fn each<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let place = places.clone().acquire_owned().await?;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: it passes when others have gone.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let served = serve(stream);
        tokio::spawn(async move {
            if let Err(error) = served.await {
                eprintln!("{peer}: {error}");
            }
            drop(place);
        });
    }
}

async fn dial(target: &str) -> Result<TcpStream> {
    Ok(timeout(PATIENCE, TcpStream::connect(target)).await??)
}

/// Carries bytes both ways until one side ends. The end of one direction of a WebSocket is the end of
/// both: bytes that the other side sends afterwards are dropped.
async fn forward<S>(mut tcp: TcpStream, mut tunnel: ByteStream<S>) -> Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    tcp.set_nodelay(true)?;
    match tokio::io::copy_bidirectional(&mut tcp, &mut tunnel).await {
        // The other side sent more after the end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => {
            copied?;
            Ok(())
        }
    }
}
