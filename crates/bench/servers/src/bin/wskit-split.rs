//! wskit in halves: a `Reader` and a `Writer` in one task, what is fed leaves when the reader is about
//! to wait. Settings: the defaults, except that any origin may come.

use wskit::{OriginPolicy, Server};
use wskit_bench_servers::{options::Options, serve, tls};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = Server::new(OriginPolicy::Any);
    serve!(options, tls::accept_wskit, move |stream| {
        let server = server.clone();
        async move {
            let (mut reader, writer) = server.accept(stream).await?.split();
            while let Some(message) = reader.recv().await? {
                writer.feed(message).await?;
            }
            Ok(())
        }
    });
}
