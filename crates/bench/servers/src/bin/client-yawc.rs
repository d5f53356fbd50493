//! yawc's client on the bare stream, with the defaults.

use bytes::Bytes;
use futures_util::SinkExt;
use wskit_bench_servers::client::{Client, upgrade};
use wskit_bench_servers::{BoxError, run, tls::Stream};
use yawc::close::CloseCode;
use yawc::{Frame, OpCode, Options, Role, WebSocket};

fn main() {
    run!(connect);
}

async fn connect<S: Stream>(
    mut stream: S,
    _: String,
    payload: Vec<u8>,
) -> Result<Yawc<S>, BoxError> {
    upgrade(&mut stream).await?;
    let options = Options::default().without_compression();
    let ws = WebSocket::from_stream(stream, Role::Client, options)?;
    let payload = Bytes::from(payload);
    Ok(Yawc { ws, payload })
}

struct Yawc<S> {
    ws: WebSocket<S>,
    payload: Bytes,
}

impl<S: Stream> Client for Yawc<S> {
    async fn send(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.send(Frame::binary(self.payload.clone())).await?)
    }

    async fn feed(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.feed(Frame::binary(self.payload.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(self.ws.flush().await?)
    }

    async fn receive(&mut self) -> Result<usize, BoxError> {
        Ok(self.ws.next_frame().await?.payload().len())
    }

    async fn close(&mut self) -> Result<(), BoxError> {
        self.ws.send(Frame::close(CloseCode::Normal, "")).await?;
        while self.ws.next_frame().await?.opcode() != OpCode::Close {}
        Ok(())
    }
}
