//! `client.rs` on async-std.

mod checks;

fn main() {
    async_std::task::block_on(checks::run::<wskit::async_std::AsyncStd>());
}
