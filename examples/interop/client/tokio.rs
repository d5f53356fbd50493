//! wskit's client against an echo server of other software, on tokio.
//!
//! ```sh
//! node examples/interop/peers/node_server.mjs 127.0.0.1:9001    # in another terminal, with `ws` installed
//! cargo run --example interop_client_tokio -- ws://127.0.0.1:9001
//! ```
//!
//! Arguments: `URL [--ca PEM] [--deflate[=SPEC]] [--expect-close CODE REASON | --expect-deflate SPEC]`; see
//! `../README.md`. `../run.sh` starts it against every peer.

mod checks;

#[tokio::main]
async fn main() {
    checks::run::<wskit::tokio::Tokio>().await;
}
