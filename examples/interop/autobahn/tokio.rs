//! The client of the Autobahn|Testsuite, on tokio: runs every case of the fuzzing server at
//! `$AUTOBAHN_URL`.
//!
//! ```sh
//! cargo build --release -p wskit-examples --example interop_autobahn_tokio
//! examples/interop/autobahn/autobahn client -- target/release/examples/interop_autobahn_tokio
//! ```

mod cases;

use wskit::{Config, Connector, deflate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connector = Connector::new()
        .config(Config::new().max_message_size(64 << 20))
        .deflate(deflate::Config::client());
    cases::run(async |url| Ok(connector.connect(url).await?.0)).await
}
