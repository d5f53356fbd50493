//! `tokio::sync::broadcast`: a receiver in the task of each connection, which takes all that is there and
//! flushes once. Settings: the defaults.

use tokio::sync::broadcast;
use wskit::PreparedMessage;
use wskit_bench_servers::fanout::{self, Subscribers};
use wskit_bench_servers::{options::Options, serve::serve, wskit_server};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = wskit_server::server(options);
    let (sender, _) = broadcast::channel::<PreparedMessage>(256);
    let subscribers = Subscribers::new(options);
    serve(options, move |stream| {
        let (server, sender) = (server.clone(), sender.clone());
        let subscribers = subscribers.clone();
        let subscribes = subscribers.arrive();
        async move {
            let mut ws = server.accept(stream).await?;
            if subscribes {
                let mut receiver = sender.subscribe();
                // The last sender is the publisher's.
                drop((server, sender));
                subscribers.joined();
                loop {
                    let message = receiver.recv().await?;
                    ws.feed(&message).await?;
                    while let Ok(message) = receiver.try_recv() {
                        ws.feed(&message).await?;
                    }
                    ws.flush().await?;
                }
            }
            while let Some(message) = ws.recv().await? {
                for _ in 0..subscribers.asked(message.as_bytes()).await? {
                    let _ = sender.send(PreparedMessage::text(fanout::payload()));
                }
            }
            Ok(())
        }
    });
}
