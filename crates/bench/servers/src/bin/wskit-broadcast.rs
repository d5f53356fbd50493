//! `tokio::sync::broadcast`: a receiver in the task of each connection, which takes all that is there and
//! flushes once. Settings: the defaults.

use tokio::sync::broadcast;
use wskit::{OriginPolicy, PreparedMessage, Server};
use wskit_bench_servers::fanout::{self, Bursts};
use wskit_bench_servers::{options::Options, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = Server::new(OriginPolicy::Any);
    let (sender, _) = broadcast::channel::<PreparedMessage>(256);
    let bursts = Bursts::new(options);
    serve(options, move |stream| {
        let (server, sender, bursts) = (server.clone(), sender.clone(), bursts.clone());
        async move {
            let mut ws = server.accept(stream).await?;
            let mut receiver = sender.subscribe();
            bursts.join(move || {
                let _ = sender.send(PreparedMessage::text(fanout::payload()));
                std::future::ready(())
            });
            loop {
                let message = receiver.recv().await?;
                ws.feed(&message).await?;
                while let Ok(message) = receiver.try_recv() {
                    ws.feed(&message).await?;
                }
                ws.flush().await?;
            }
        }
    });
}
