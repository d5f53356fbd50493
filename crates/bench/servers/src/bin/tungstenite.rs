//! tokio-tungstenite. Settings: the defaults, which its documentation recommends for high load
//! (buffers of 128 KiB). Natural: `next` and `send`. Batched: everything that is ready is fed, then
//! flushed once.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{fanout, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, Message::text(fanout::payload())));
    serve(options, move |stream| {
        let hub = hub.clone();
        async move {
            let mut ws = accept_async(stream).await?;
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
                let mut next = Some(message);
                while let Some(message) = next {
                    let message = message?;
                    if message.is_text() || message.is_binary() {
                        ws.feed(message).await?;
                    }
                    next = ws.next().now_or_never().flatten();
                }
                ws.flush().await?;
            }
            Ok(())
        }
    });
}
