//! wskit, the loop of its README: lent messages, answers beside them. Settings: the defaults, except
//! that any origin may come.

use wskit::PreparedMessage;
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{fanout, serve, tls, wskit_server};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = wskit_server::server(options);
    let hub = options
        .fanout
        .map(|wanted| fanout::Hub::new(wanted, PreparedMessage::text(fanout::payload())));
    serve!(options, tls::accept_wskit, move |stream| {
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
