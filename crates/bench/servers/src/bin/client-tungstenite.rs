//! tokio-tungstenite's client, with the defaults.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run};

fn main() {
    run(|stream, url, payload| async move {
        let (ws, _) = tokio_tungstenite::client_async(url, stream).await?;
        let payload = Bytes::from(payload);
        Ok(Tungstenite { ws, payload })
    });
}

struct Tungstenite {
    ws: WebSocketStream<tokio::net::TcpStream>,
    payload: Bytes,
}

impl Client for Tungstenite {
    async fn send(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.send(Message::Binary(self.payload.clone())).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.feed(Message::Binary(self.payload.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.flush().await?)
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        let message = self.ws.next().await.transpose()?;
        Ok(message.map_or(0, |message| message.len()))
    }
}
