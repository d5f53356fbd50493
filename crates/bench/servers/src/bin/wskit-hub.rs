//! A hub with one topic and one driver. Settings: the defaults, without a limit of commands.

use wskit::hub::{Access, Hub, Limits, Publication, Rules, Since, Wire};
use wskit::{OriginPolicy, Server};
use wskit_bench_servers::fanout::{self, Bursts};
use wskit_bench_servers::{options::Options, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = Server::new(OriginPolicy::Any);
    let hub = Hub::builder(|_| Rules::live().subscribe(Access::Everyone))
        .limits(Limits::new().commands_per_sec(0))
        .shards(options.threads.max(1) as u16)
        .build();
    let driver = std::sync::Once::new();
    let (wire, bursts) = (Wire::payloads(), Bursts::new(options));
    serve(options, move |stream| {
        // Within the runtime.
        driver.call_once(|| {
            for _ in 0..options.threads.max(1) {
                // It lets other tasks run by itself.
                tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
            }
        });
        let (server, hub) = (server.clone(), hub.clone());
        let driver = std::sync::Once::new();
        let (wire, bursts) = (wire.clone(), bursts.clone());
        async move {
            let (mut reader, writer) = server.accept(stream).await?.split();
            let peer = hub.attach(&writer, &wire)?;
            peer.subscribe("topic", Since::Now).await?;
            drop(wire);
            bursts.join(move || {
                let hub = hub.clone();
                async move {
                    let payload = Publication::text(fanout::payload());
                    let _ = hub.publish("topic", payload).await;
                }
            });
            while reader.recv().await?.is_some() {}
            drop(peer);
            Ok(())
        }
    });
}
