//! sockudo-ws' client on the bare stream, with the defaults and fastrand for the masks.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run, upgrade};

fn main() {
    run(|mut stream, _, payload| async move {
        upgrade(&mut stream).await?;
        let ws = WebSocketStream::client(stream, Config::default());
        let payload = Bytes::from(payload);
        Ok(Sockudo { ws, payload })
    });
}

struct Sockudo {
    ws: WebSocketStream<tokio::net::TcpStream>,
    payload: Bytes,
}

impl Client for Sockudo {
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
        match self.ws.next().await.transpose()? {
            Some(Message::Binary(payload)) => Ok(payload.len()),
            _ => Ok(0),
        }
    }

    async fn close(&mut self) -> Result<(), BoxError> {
        self.ws.close(1000, "").await?;
        while self.ws.next().await.transpose()?.is_some() {}
        Ok(())
    }
}
