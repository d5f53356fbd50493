//! `client.rs` on async-std.

use wskit::async_std::Connector;
use wskit::{Config, deflate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connector = Connector::new()
        .config(Config::new().max_message_size(64 << 20))
        .deflate(deflate::Config::client());
    async_std::task::block_on(wskit_examples::autobahn::run(async |url| {
        Ok(connector.connect(url).await?.0)
    }))
}
