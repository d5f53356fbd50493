//! tokio-websockets' client, with the defaults and fastrand for the masks.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};
use wskit_bench_servers::client::Client;
use wskit_bench_servers::{BoxError, run, tls::Stream};

fn main() {
    run!(connect);
}

async fn connect<S: Stream>(
    stream: S,
    url: String,
    payload: Vec<u8>,
) -> Result<TokioWebsockets<S>, BoxError> {
    let builder = ClientBuilder::new().uri(&url)?;
    let (ws, _) = builder.connect_on(stream).await?;
    let payload = Bytes::from(payload);
    Ok(TokioWebsockets { ws, payload })
}

struct TokioWebsockets<S> {
    ws: WebSocketStream<S>,
    payload: Bytes,
}

impl<S: Stream> Client for TokioWebsockets<S> {
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
