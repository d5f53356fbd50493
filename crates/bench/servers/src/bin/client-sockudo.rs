//! sockudo-ws' client on the bare stream, with the defaults and fastrand for the masks.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};
use wskit_bench_servers::client::{Client, upgrade};
use wskit_bench_servers::{BoxError, run, tls::Stream};

fn main() {
    run!(connect);
}

async fn connect<S: Stream>(
    mut stream: S,
    _: String,
    payload: Vec<u8>,
) -> Result<Sockudo<S>, BoxError> {
    upgrade(&mut stream).await?;
    let ws = WebSocketStream::client(stream, Config::default());
    let payload = Bytes::from(payload);
    Ok(Sockudo { ws, payload })
}

struct Sockudo<S> {
    ws: WebSocketStream<S>,
    payload: Bytes,
}

impl<S: Stream> Client for Sockudo<S> {
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
