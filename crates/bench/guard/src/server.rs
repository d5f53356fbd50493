//! wskit's echo loops, as its README shows them.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wskit::{Config, Error, Keepalive, OriginPolicy, Server, WebSocket};

use crate::tls::ACCEPTOR;

/// Default settings, apart from the interval of the keepalive: under callgrind on a busy machine a run may
/// take longer than that, and its client does not expect a ping.
fn server() -> Server {
    let keepalive = Keepalive {
        every: Duration::from_secs(3600),
        ..Config::new().get_keepalive().expect("on by default")
    };
    Server::new(OriginPolicy::Any).config(Config::new().keepalive(Some(keepalive)))
}

/// `recv_ref` + `feed`.
pub async fn lent(stream: TcpStream) -> Result<(), Error> {
    echo(server().accept(stream).await?).await
}

/// The same over TLS.
pub async fn tls(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    echo(server().accept(ACCEPTOR.accept(stream).await?).await?).await
}

async fn echo<S>(mut ws: WebSocket<S>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

/// `recv` + `feed`.
pub async fn owned(stream: TcpStream) -> Result<(), Error> {
    let mut ws = server().accept(stream).await?;
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// The same in halves: what is fed leaves when the reader is about to wait.
pub async fn split(stream: TcpStream) -> Result<(), Error> {
    let (mut reader, writer) = server().accept(stream).await?.split();
    while let Some(message) = reader.recv().await? {
        writer.feed(message).await?;
    }
    Ok(())
}
