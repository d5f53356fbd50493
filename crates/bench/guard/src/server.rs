//! wskit's echo loops, as its README shows them and with its default settings.

use tokio::net::TcpStream;
use wskit::{Error, OriginPolicy, Server};

/// `recv_ref` + `feed`.
pub async fn lent(stream: TcpStream) -> Result<(), Error> {
    let mut ws = Server::new(OriginPolicy::Any).accept(stream).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

/// `recv` + `feed`.
pub async fn owned(stream: TcpStream) -> Result<(), Error> {
    let mut ws = Server::new(OriginPolicy::Any).accept(stream).await?;
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}
