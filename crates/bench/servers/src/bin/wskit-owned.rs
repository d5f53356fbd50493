//! wskit with messages to keep: `recv` and `send`. Batched: `recv` and `feed`, what is fed leaves when
//! `recv` is about to wait. Settings: the defaults, except that any origin may come. `--fanout`: a
//! `send` for each delivery, to show what a write costs.

use wskit::{OriginPolicy, PreparedMessage, Server};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{fanout, serve, tls};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = Server::new(OriginPolicy::Any);
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, PreparedMessage::text(fanout::payload())));
    serve!(options, tls::accept_wskit, move |stream| {
        let (server, hub) = (server.clone(), hub.clone());
        async move {
            let mut ws = server.accept(stream).await?;
            if let Some(hub) = hub {
                let mut mail = hub.join();
                while let Some(message) = mail.recv().await {
                    ws.send(&message).await?;
                }
                return Ok(());
            }
            if options.batched {
                while let Some(message) = ws.recv().await? {
                    ws.feed(message).await?;
                }
                return Ok(());
            }
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        }
    });
}
