//! web-socket's client, with a `BufReader` as in its examples. It cannot queue.

use tokio::io::BufReader;
use web_socket::{Event, Frame, WebSocket};
use wskit_bench_servers::client::{Client, upgrade};
use wskit_bench_servers::{BoxError, run, tls::Stream};

fn main() {
    run!(connect);
}

async fn connect<S: Stream>(
    mut stream: S,
    _: String,
    payload: Vec<u8>,
) -> Result<Plain<S>, BoxError> {
    upgrade(&mut stream).await?;
    let ws = WebSocket::client(BufReader::new(stream));
    Ok(Plain { ws, payload })
}

struct Plain<S> {
    ws: WebSocket<BufReader<S>>,
    payload: Vec<u8>,
}

impl<S: Stream> Client for Plain<S> {
    async fn send(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.send(&self.payload[..]).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        self.send().await
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        match self.ws.recv().await? {
            Event::Data { data, .. } => Ok(data.len()),
            _ => Ok(0),
        }
    }

    async fn close(&mut self) -> Result<(), BoxError> {
        let close = Frame {
            fin: true,
            opcode: 8,
            data: &1000_u16.to_be_bytes(),
        };
        self.ws.send(close).await?;
        while !matches!(self.ws.recv().await?, Event::Close { .. }) {}
        Ok(())
    }
}
