//! sockudo-ws. Settings: the defaults; with compression streams of each connection's own, so that
//! context takeover can be on. Natural: `next` and `send`. Batched: everything that is ready is fed,
//! then flushed once, as the documentation of `write_coalescing` advises.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::deflate::{DeflateConfig, DeflateWindowBits};
use sockudo_ws::handshake::server_handshake;
use sockudo_ws::{CompressedWebSocketStream, Config, Error, Message, Role, WebSocketStream};
use wskit_bench_servers::options::{Options, Takeover};
use wskit_bench_servers::{BoxError, fanout, serve, upgrade};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, Message::text(fanout::payload())));
    serve!(options, move |mut stream| {
        let hub = hub.clone();
        async move {
            if let Some(takeover) = options.deflate {
                let (agreed, deflate) = deflate(takeover, options.level);
                upgrade::minimal(&mut stream, Some(agreed)).await?;
                let ws = CompressedWebSocketStream::server(stream, Config::default(), deflate);
                return echo(ws, options.batched).await;
            }
            let leftover = server_handshake(&mut stream).await?.leftover;
            let config = Config::default();
            let mut ws =
                WebSocketStream::from_raw_with_leftover(stream, Role::Server, config, leftover);
            if let Some(hub) = hub {
                let (mut mail, mut messages) = (hub.join(), Vec::new());
                if !options.batched {
                    while let Some(message) = mail.recv().await {
                        ws.send(message).await?;
                    }
                }
                while mail.recv_many(&mut messages, fanout::BATCH).await > 0 {
                    for message in messages.drain(..) {
                        ws.feed(message).await?;
                    }
                    ws.flush().await?;
                }
                return Ok(());
            }
            echo(ws, options.batched).await
        }
    });
}

fn deflate(takeover: Takeover, level: u8) -> (&'static str, DeflateConfig) {
    let alone = takeover == Takeover::Neither;
    let agreed = if alone {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    } else {
        "permessage-deflate"
    };
    let config = DeflateConfig {
        server_max_window_bits: DeflateWindowBits::Bits15,
        client_max_window_bits: DeflateWindowBits::Bits15,
        server_no_context_takeover: alone,
        client_no_context_takeover: alone,
        compression_level: u32::from(level),
        compression_threshold: 32,
    };
    (agreed, config)
}

async fn echo<W>(mut ws: W, batched: bool) -> Result<(), BoxError>
where
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = ws.next().await {
        let mut next = Some(message);
        while let Some(message) = next.take() {
            let message = message?;
            let answered = matches!(message, Message::Text(_) | Message::Binary(_));
            match (answered, batched) {
                (true, true) => ws.feed(message).await?,
                (true, false) => ws.send(message).await?,
                (false, _) => {}
            }
            if batched {
                next = ws.next().now_or_never().flatten();
            }
        }
        if batched {
            ws.flush().await?;
        }
    }
    Ok(())
}
