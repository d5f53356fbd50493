//! The settings of wskit's servers.

use wskit::{Config, OriginPolicy, Server};

use crate::options::{Options, Takeover};

/// The defaults, except that any origin may come, and compression as it is asked for. `--spec dedicated` gives
/// each compressed connection zlib streams of its own, as the others do; `--spec budget=N` is how many bytes a
/// connection reads in a row.
///
/// # Panics
/// If the budget is no number.
pub fn server(options: &Options) -> Server {
    let mut server = Server::new(OriginPolicy::Any);
    let spec = options.spec.as_deref().unwrap_or_default();
    if let Some(bytes) = spec.strip_prefix("budget=") {
        let bytes = bytes.parse().expect("a number of bytes");
        server = server.config(Config::new().read_budget(bytes));
    }
    let Some(takeover) = options.deflate else {
        return server;
    };
    let mut config = wskit::deflate::Config::server().level(options.level);
    if takeover == Takeover::Neither {
        config = config
            .server_no_context_takeover(true)
            .client_no_context_takeover(true);
    }
    if spec == "dedicated" {
        config = config
            .dedicated(true)
            .server_max_window_bits(15)
            .client_max_window_bits(15);
    }
    server.deflate(config)
}
