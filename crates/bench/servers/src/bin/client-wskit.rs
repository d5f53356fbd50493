//! wskit's client, with the defaults: `send` of a slice; `recv_ref`.

use wskit::WebSocket;
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run};

fn main() {
    run(|stream, url, payload| async move {
        let (ws, _) = wskit::Client::new().handshake(stream, url.as_str()).await?;
        Ok(Wskit { ws, payload })
    });
}

struct Wskit {
    ws: WebSocket<tokio::net::TcpStream>,
    payload: Vec<u8>,
}

impl Client for Wskit {
    async fn send(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.send(&self.payload).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.feed(&self.payload).await?)
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.flush().await?)
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        let message = self.ws.recv_ref().await?;
        Ok(message.map_or(0, |(message, _)| message.as_bytes().len()))
    }
}
