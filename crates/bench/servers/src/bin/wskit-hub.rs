//! A hub with one topic, and a driver on each thread. Settings: the defaults, without a limit of commands.

use wskit::hub::{Access, Hub, Limits, Publication, Rules, Since, Wire};
use wskit_bench_servers::fanout::{self, Subscribers};
use wskit_bench_servers::{options::Options, serve::serve, wskit_server};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = wskit_server::server(options);
    let hub = Hub::builder(|_| Rules::live().subscribe(Access::Everyone))
        .limits(Limits::new().commands_per_sec(0))
        .shards(options.threads.max(1) as u16)
        .build();
    let driver = std::sync::Once::new();
    let (wire, subscribers) = (Wire::payloads(), Subscribers::new(options));
    serve(options, move |stream| {
        // Within the runtime.
        driver.call_once(|| {
            for _ in 0..options.threads.max(1) {
                // It lets other tasks run by itself.
                tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
            }
        });
        let (server, hub) = (server.clone(), hub.clone());
        let (wire, subscribers) = (wire.clone(), subscribers.clone());
        let subscribes = subscribers.arrive();
        async move {
            let (mut reader, writer) = server.accept(stream).await?.split();
            if subscribes {
                let peer = hub.attach(&writer, &wire)?;
                peer.subscribe("topic", Since::Now).await?;
                drop(wire);
                subscribers.joined();
                while reader.recv().await?.is_some() {}
                drop(peer);
                return Ok(());
            }
            while let Some(message) = reader.recv().await? {
                for _ in 0..subscribers.asked(message.as_bytes()).await? {
                    let payload = Publication::text(fanout::payload());
                    let _ = hub.publish("topic", payload).await;
                }
            }
            Ok(())
        }
    });
}
