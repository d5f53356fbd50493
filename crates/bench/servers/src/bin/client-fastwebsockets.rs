//! fastwebsockets' client on the bare stream, with writev on. It cannot queue.

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
use wskit_bench_servers::BoxError;
use wskit_bench_servers::client::{Client, run, upgrade};

fn main() {
    run(|mut stream, _, payload| async move {
        upgrade(&mut stream).await?;
        let mut ws = WebSocket::after_handshake(stream, Role::Client);
        ws.set_writev(true);
        let ws = FragmentCollector::new(ws);
        Ok(Fastwebsockets { ws, payload })
    });
}

struct Fastwebsockets {
    ws: FragmentCollector<tokio::net::TcpStream>,
    payload: Vec<u8>,
}

impl Client for Fastwebsockets {
    async fn send(&mut self) -> Result<(), BoxError> {
        let payload = Payload::Borrowed(&self.payload);
        Ok(self.ws.write_frame(Frame::binary(payload)).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        self.send().await
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        Ok(self.ws.read_frame().await?.payload.len())
    }

    async fn close(&mut self) -> Result<(), BoxError> {
        self.ws.write_frame(Frame::close(1000, b"")).await?;
        while self.ws.read_frame().await?.opcode != OpCode::Close {}
        Ok(())
    }
}
