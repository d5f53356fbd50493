//! web-socket's client, with a `BufReader` as in its examples. It cannot queue.

use tokio::io::BufReader;
use tokio::net::TcpStream;
use web_socket::{Event, Frame, WebSocket};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run, upgrade};

fn main() {
    run(|mut stream, _, payload| async move {
        upgrade(&mut stream).await?;
        let ws = WebSocket::client(BufReader::new(stream));
        Ok(Plain { ws, payload })
    });
}

struct Plain {
    ws: WebSocket<BufReader<TcpStream>>,
    payload: Vec<u8>,
}

impl Client for Plain {
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
