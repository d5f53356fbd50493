//! tokio-websockets. Settings: the defaults; SIMD is on by itself, SHA-1 from ring as its
//! documentation advises. Natural: `next` and `send`. Batched: all messages that are ready are
//! collected first (polling its stream flushes), then fed and flushed once.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio_websockets::{Message, ServerBuilder};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{fanout, serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, Message::text(fanout::payload())));
    serve!(options, move |stream| {
        let hub = hub.clone();
        async move {
            let (_, mut ws) = ServerBuilder::new().accept(stream).await?;
            let mut messages = Vec::new();
            if let Some(hub) = hub {
                let mut mail = hub.join();
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
            if !options.batched {
                while let Some(message) = ws.next().await {
                    let message = message?;
                    if message.is_text() || message.is_binary() {
                        ws.send(message).await?;
                    }
                }
                return Ok(());
            }
            while let Some(message) = ws.next().await {
                messages.push(message?);
                while messages.len() < BATCH {
                    match ws.next().now_or_never() {
                        Some(Some(message)) => messages.push(message?),
                        _ => break,
                    }
                }
                for message in messages.drain(..) {
                    if message.is_text() || message.is_binary() {
                        ws.feed(message).await?;
                    }
                }
                ws.flush().await?;
            }
            Ok(())
        }
    });
}

const BATCH: usize = 64;
