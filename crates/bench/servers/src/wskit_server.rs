//! The settings of wskit's servers.

use wskit::{OriginPolicy, Server};

use crate::options::{Options, Takeover};

/// The defaults, except that any origin may come, and compression as it is asked for. `--spec dedicated` gives
/// each compressed connection zlib streams of its own, as the others do.
pub fn server(options: &Options) -> Server {
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
