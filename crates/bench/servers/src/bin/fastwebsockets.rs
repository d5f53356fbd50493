//! fastwebsockets on the bare stream (`--hyper`: upgraded by hyper, as in its example). Settings: as
//! its README has them (writev, automatic pong and close, `FragmentCollector`); the task is
//! `unconstrained` as in its example. It cannot batch: each frame is written by itself.

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{BoxError, fanout, serve, upgrade};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, Bytes::from(fanout::payload())));
    serve!(options, move |mut stream| {
        let hub = hub.clone();
        async move {
            if options.hyper {
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .with_upgrades();
                return Ok(serving.await?);
            }
            upgrade::minimal(&mut stream, None).await?;
            let mut ws = WebSocket::after_handshake(stream, Role::Server);
            ws.set_writev(true);
            ws.set_auto_close(true);
            ws.set_auto_pong(true);
            if let Some(hub) = hub {
                let mut mail = hub.join();
                while let Some(text) = mail.recv().await {
                    ws.write_frame(Frame::text(Payload::Borrowed(&text)))
                        .await?;
                }
                return Ok(());
            }
            tokio::task::unconstrained(echo(ws)).await
        }
    });
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, BoxError> {
    let (response, upgraded) = fastwebsockets::upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let ws = upgraded.await?;
        tokio::task::unconstrained(echo(ws)).await
    });
    Ok(response)
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(ws: WebSocket<S>) -> Result<(), BoxError> {
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
