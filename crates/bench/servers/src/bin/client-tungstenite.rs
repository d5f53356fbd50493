//! tokio-tungstenite's client, with the defaults. `--whole`: it opens the stream too.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wskit_bench_servers::client::{Client, Task};
use wskit_bench_servers::{BoxError, run, tls::Stream};

fn main() {
    let task = Task::parse();
    if task.whole {
        task.run(|| async {
            let (ws, _) = tokio_tungstenite::connect_async(task.url()).await?;
            let payload = Bytes::from(task.payload());
            Ok(Tungstenite { ws, payload })
        });
    } else {
        run!(task, connect);
    }
}

async fn connect<S: Stream>(
    stream: S,
    url: String,
    payload: Vec<u8>,
) -> Result<Tungstenite<S>, BoxError> {
    let (ws, _) = tokio_tungstenite::client_async(url, stream).await?;
    let payload = Bytes::from(payload);
    Ok(Tungstenite { ws, payload })
}

struct Tungstenite<S> {
    ws: WebSocketStream<S>,
    payload: Bytes,
}

impl<S: Stream> Client for Tungstenite<S> {
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

    async fn close(&mut self) -> Result<(), BoxError> {
        self.ws.close(None).await?;
        while self.ws.next().await.transpose()?.is_some() {}
        Ok(())
    }
}
