//! The client of the Autobahn|Testsuite, on async-std; run as `tokio.rs`.

mod cases;

use wskit::async_std::Connector;
use wskit::{Config, deflate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connector = Connector::new()
        .config(Config::new().max_message_size(64 << 20))
        .deflate(deflate::Config::client());
    async_std::task::block_on(cases::run(async |url| Ok(connector.connect(url).await?.0)))
}
