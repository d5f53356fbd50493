//! fastwebsockets' client on the bare stream, with writev on. It cannot queue.

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
use wskit_bench_servers::client::{Client, upgrade};
use wskit_bench_servers::{BoxError, run, tls::Stream};

fn main() {
    run!(connect);
}

async fn connect<S: Stream>(
    mut stream: S,
    _: String,
    payload: Vec<u8>,
) -> Result<Fastwebsockets<S>, BoxError> {
    upgrade(&mut stream).await?;
    let mut ws = WebSocket::after_handshake(stream, Role::Client);
    ws.set_writev(true);
    let ws = FragmentCollector::new(ws);
    Ok(Fastwebsockets { ws, payload })
}

struct Fastwebsockets<S> {
    ws: FragmentCollector<S>,
    payload: Vec<u8>,
}

impl<S: Stream> Client for Fastwebsockets<S> {
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
