//! Carries TCP connections through WebSockets, as `ssh -L` does through SSH: where only HTTP gets out,
//! or to put a TCP service behind the TLS and the authentication of a web server.
//!
//! ```sh
//! tunnel listen ws://127.0.0.1:9001 127.0.0.1:22     # beside the service
//! tunnel connect 127.0.0.1:2222 ws://127.0.0.1:9001  # beside its user, who says: ssh -p 2222 localhost
//! ```
//!
//! (`cargo run --release --example tunnel -- listen …`; with `--features tls` it connects to `wss://`.)
//! All who reach the listening end reach the service: let a proxy in front of it do TLS and ask who
//! is there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wskit::{ByteStream, OriginPolicy, Rejection, Request, Server};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "tunnel listen ws://ADDRESS TARGET, or tunnel connect ADDRESS ws://SERVER";
/// Connections at once; more wait to be accepted.
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

/// The end beside the service.
async fn listen(address: &str, target: &str) -> Result<()> {
    // Programs may come in, which send no Origin; pages may not.
    let server = Server::new(OriginPolicy::list::<[&str; 0]>([])?);
    let listener = TcpListener::bind(address).await?;
    println!("ws://{} leads to {target}", listener.local_addr()?);
    let target: Arc<str> = target.into();
    each(listener, move |stream| {
        let (server, target) = (server.clone(), target.clone());
        async move {
            match server.receive(stream).await? {
                // The service first: who cannot be let through is told so in HTTP.
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
        }
    })
    .await
}

/// The end beside the user.
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
            match served.await {
                Ok(()) => {}
                Err(error) => eprintln!("{peer}: {error}"),
            }
            drop(place);
        });
    }
}

async fn dial(target: &str) -> Result<TcpStream> {
    Ok(timeout(PATIENCE, TcpStream::connect(target)).await??)
}

/// Carries bytes both ways until one side ends. With a WebSocket the end of one direction is the end
/// of both: what the other side says after it has heard of the end goes nowhere.
async fn forward<S>(mut tcp: TcpStream, mut tunnel: ByteStream<S>) -> Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    tcp.set_nodelay(true)?;
    match tokio::io::copy_bidirectional(&mut tcp, &mut tunnel).await {
        // It was told the end and went on talking.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => {
            copied?;
            Ok(())
        }
    }
}
