//! wskit's client against an echo server of other software, on async-std; run as `tokio.rs`, with
//! `--features async-std --example interop_client_async_std`.

mod checks;

fn main() {
    async_std::task::block_on(checks::run::<wskit::async_std::AsyncStd>());
}
