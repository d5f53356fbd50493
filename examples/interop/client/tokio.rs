//! wskit's client against somebody else's echo server: the other half of the interop checks.
//!
//! `interop-client URL [--ca PEM] [--deflate[=SPEC]] [--expect-close CODE REASON | --expect-deflate SPEC]`;
//! see `README.md`.

mod checks;

#[tokio::main]
async fn main() {
    checks::run::<wskit::tokio::Tokio>().await;
}
