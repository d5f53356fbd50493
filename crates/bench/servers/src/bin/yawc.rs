//! yawc on the bare stream (`--hyper`: upgraded by hyper, as in its example). Settings: text is
//! checked (off by default). Natural: the defaults, `next_frame` and `send`. Batched: the buffers and
//! the 32 frames of its README's benchmark, all that is ready is fed, then flushed once. Limits are
//! raised to 2 MiB so that a message of 1 MiB fits.

use futures_util::{FutureExt, SinkExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use wskit_bench_servers::options::{Options, Takeover};
use wskit_bench_servers::{BoxError, fanout, serve, upgrade};
use yawc::{CompressionLevel, Frame, OpCode, Role, WebSocket};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, Frame::text(fanout::payload())));
    serve!(options, move |mut stream| {
        let hub = hub.clone();
        async move {
            if options.hyper {
                let answering = service_fn(move |request| answer(options, request));
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answering)
                    .with_upgrades();
                return Ok(serving.await?);
            }
            let agreed = options.deflate.map(|takeover| match takeover {
                Takeover::Both => "permessage-deflate",
                Takeover::Neither => {
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
                }
            });
            upgrade::minimal(&mut stream, agreed).await?;
            let settings = settings(options);
            let mut ws =
                WebSocket::from_stream_with_extensions(stream, Role::Server, agreed, settings)?;
            if let Some(hub) = hub {
                let (mut mail, mut frames) = (hub.join(), Vec::new());
                if !options.batched {
                    while let Some(frame) = mail.recv().await {
                        ws.send(frame).await?;
                    }
                }
                while mail.recv_many(&mut frames, fanout::BATCH).await > 0 {
                    for frame in frames.drain(..) {
                        ws.feed(frame).await?;
                    }
                    ws.flush().await?;
                }
                return Ok(());
            }
            echo(ws, options.batched).await
        }
    });
}

fn settings(options: &Options) -> yawc::Options {
    let mut settings = yawc::Options::default()
        .with_utf8()
        .with_limits(2 << 20, 4 << 20);
    if options.batched {
        settings = settings
            .with_read_buffer_capacity(128 << 10)
            .with_backpressure_boundary(64 << 10);
    }
    match options.deflate {
        None => settings.without_compression(),
        Some(takeover) => {
            let level = CompressionLevel::new(u32::from(options.level));
            settings = settings.with_compression_level(level);
            if takeover == Takeover::Neither {
                settings = settings
                    .server_no_context_takeover()
                    .client_no_context_takeover();
            }
            settings
        }
    }
}

async fn answer(
    options: &'static Options,
    mut request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, BoxError> {
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, settings(options))?;
    tokio::spawn(async move { echo(upgraded.await?, options.batched).await });
    Ok(response)
}

async fn echo<S>(mut ws: WebSocket<S>, batched: bool) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let mut next = Some(ws.next_frame().await?);
        let mut room = 32;
        while let Some(frame) = next.take() {
            let answered = matches!(frame.opcode(), OpCode::Text | OpCode::Binary);
            match (answered, batched) {
                (true, true) => ws.feed(frame).await?,
                (true, false) => ws.send(frame).await?,
                (false, _) => {}
            }
            room -= 1;
            if batched && room > 0 {
                next = ws.next_frame().now_or_never().transpose()?;
            }
        }
        if batched {
            ws.flush().await?;
        }
    }
}
