//! wskit's client, with the defaults: `send` of a slice; `recv_ref`. `--whole`: it opens the stream too.

use wskit::driver::WebSocket;
use wskit::{CloseCode, Transport};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{self, Client};

fn main() {
    if client::whole() {
        client::run_dialling(|url, payload| async move {
            let ws = wskit::connect(url.as_str()).await?;
            Ok(Wskit { ws, payload })
        });
    } else {
        client::run(|stream, url, payload| async move {
            let (ws, _) = wskit::Client::new().handshake(stream, url.as_str()).await?;
            Ok(Wskit { ws, payload })
        });
    }
}

struct Wskit<T: Transport> {
    ws: WebSocket<T>,
    payload: Vec<u8>,
}

impl<T: Transport> Client for Wskit<T> {
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

    async fn close(&mut self) -> Result<(), BoxError> {
        match self.ws.close(CloseCode::NORMAL, "").await? {
            outcome if outcome.is_clean() => Ok(()),
            outcome => Err(format!("closed with {:?}", outcome.cause).into()),
        }
    }
}
