//! wskit's client, with the defaults: `send` of a slice; `recv_ref`. `--whole`: it opens the stream too. Inside
//! TLS it always does, by its `Connector`.

use wskit::driver::WebSocket;
use wskit::{CloseCode, Connector, Transport};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, Task};

fn main() {
    let task = Task::parse();
    match &task.tls {
        None if task.whole => task.run(|| async {
            let ws = wskit::connect(task.url()).await?;
            let payload = task.payload();
            Ok(Wskit { ws, payload })
        }),
        None => task.run(|| async {
            let (tcp, client) = (task.tcp().await?, wskit::Client::new());
            let (ws, _) = client.handshake(tcp, task.url().as_str()).await?;
            let payload = task.payload();
            Ok(Wskit { ws, payload })
        }),
        Some(config) => task.run(|| async {
            let tls = wskit::tls::Connector::from_config(config.clone());
            let (ws, _) = Connector::new().tls(tls).connect(task.url()).await?;
            let payload = task.payload();
            Ok(Wskit { ws, payload })
        }),
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
