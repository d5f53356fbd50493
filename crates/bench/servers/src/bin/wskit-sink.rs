//! wskit as `Stream` and `Sink`: `next` and `send`. Batched: `next` and `feed`. Settings: the defaults, except that any origin may
//! come.

use futures_util::{SinkExt, StreamExt};
use wskit::{OriginPolicy, Server};
use wskit_bench_servers::{options::Options, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = Server::new(OriginPolicy::Any);
    serve(options, move |stream| {
        let server = server.clone();
        async move {
            let mut ws = server.accept(stream).await?;
            while let Some(message) = ws.next().await {
                // The inherent methods would be meant otherwise.
                if options.batched {
                    SinkExt::feed(&mut ws, message?).await?;
                } else {
                    SinkExt::send(&mut ws, message?).await?;
                }
            }
            Ok(())
        }
    });
}
