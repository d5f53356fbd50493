//! wskit, the loop of its README: lent messages, answers beside them. Settings: the defaults, except
//! that any origin may come.

use wskit::{OriginPolicy, PreparedMessage, Server};
use wskit_bench_servers::options::{Options, Takeover};
use wskit_bench_servers::{fanout, serve::serve};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = server(options);
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, PreparedMessage::text(&fanout::payload())));
    serve(options, move |stream| {
        let (server, hub) = (server.clone(), hub.clone());
        async move {
            let mut ws = server.accept(stream).await?;
            if let Some(hub) = hub {
                // As the chat among the examples does it.
                let (mut mail, mut messages) = (hub.join(), Vec::new());
                while mail.recv_many(&mut messages, fanout::BATCH).await > 0 {
                    for message in messages.drain(..) {
                        ws.feed(&message).await?;
                    }
                    ws.flush().await?;
                }
                return Ok(());
            }
            while let Some((message, out)) = ws.recv_ref().await? {
                out.feed(message)?;
            }
            Ok(())
        }
    });
}

/// `--spec dedicated` gives each compressed connection zlib streams of its own, as the others do.
fn server(options: &Options) -> Server {
    let server = Server::new(OriginPolicy::Any);
    let Some(takeover) = options.deflate else {
        return server;
    };
    let mut config = wskit::deflate::Config::server().level(options.level);
    if takeover == Takeover::Neither {
        config = config
            .server_no_context_takeover(true)
            .client_no_context_takeover(true);
    }
    if options.spec.as_deref() == Some("dedicated") {
        config = config
            .dedicated(true)
            .server_max_window_bits(15)
            .client_max_window_bits(15);
    }
    server.deflate(config)
}
