//! `tokio::sync::broadcast` over tokio-tungstenite: a receiver in the task of each connection, which takes
//! all that is there and flushes once. Settings: the defaults. The text is shared, not copied.

use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use wskit_bench_servers::fanout::{self, Subscribers};
use wskit_bench_servers::{options::Options, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let (sender, _) = broadcast::channel::<Message>(256);
    let subscribers = Subscribers::new(options);
    serve(options, move |stream| {
        let (sender, subscribers) = (sender.clone(), subscribers.clone());
        let subscribes = subscribers.arrive();
        async move {
            let mut ws = accept_async(stream).await?;
            if subscribes {
                let mut receiver = sender.subscribe();
                drop(sender);
                subscribers.joined();
                loop {
                    ws.feed(receiver.recv().await?).await?;
                    while let Ok(message) = receiver.try_recv() {
                        ws.feed(message).await?;
                    }
                    ws.flush().await?;
                }
            }
            while let Some(message) = ws.next().await.transpose()? {
                let asked = message.into_data();
                for _ in 0..subscribers.asked(&asked).await? {
                    let _ = sender.send(Message::text(fanout::payload()));
                }
            }
            Ok(())
        }
    });
}
