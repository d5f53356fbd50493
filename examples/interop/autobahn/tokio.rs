//! The client's side of the Autobahn|Testsuite: runs every case that the fuzzing server at
//! `$AUTOBAHN_URL` has; see `../src/autobahn.rs`. Started by the `autobahn` script beside it.

use wskit::{Config, Connector, deflate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connector = Connector::new()
        .config(Config::new().max_message_size(64 << 20))
        .deflate(deflate::Config::client());
    wskit_examples::autobahn::run(async |url| Ok(connector.connect(url).await?.0)).await
}
