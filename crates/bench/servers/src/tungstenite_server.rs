//! The server of tokio-tungstenite, for it and for the crate with its API. Natural: `next` and `send`.
//! Batched: everything that is ready is fed, then flushed once.

/// The program, on the library that is named.
#[macro_export]
macro_rules! tungstenite_server {
    ($lib:ident) => {
        use futures_util::{FutureExt, SinkExt, StreamExt};
        use $crate::options::Options;
        use $crate::{fanout, serve};
        use $lib::accept_async;
        use $lib::tungstenite::Message;

        fn main() {
            let options: &'static Options = Box::leak(Box::new(Options::parse()));
            let hub = options
                .fanout
                .map(|wanted| fanout::Hub::new(wanted, Message::text(fanout::payload())));
            serve!(options, move |stream| {
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
    };
}
