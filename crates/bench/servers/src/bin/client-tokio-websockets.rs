//! tokio-websockets' client, with the defaults and fastrand for the masks.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run};

fn main() {
    run(|stream, url, payload| async move {
        let builder = ClientBuilder::new().uri(&url)?;
        let (ws, _) = builder.connect_on(stream).await?;
        let payload = Bytes::from(payload);
        Ok(TokioWebsockets { ws, payload })
    });
}

struct TokioWebsockets {
    ws: WebSocketStream<tokio::net::TcpStream>,
    payload: Bytes,
}

impl Client for TokioWebsockets {
    async fn send(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.send(Message::binary(self.payload.clone())).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.feed(Message::binary(self.payload.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.flush().await?)
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        let message = self.ws.next().await.transpose()?;
        Ok(message.map_or(0, |message| message.as_payload().len()))
    }

    async fn close(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.close().await?)
    }
}
