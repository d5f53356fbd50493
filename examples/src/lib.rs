//! What the examples share, on whatever runtime: the chat, the echo, and how they are told what to do.

pub mod autobahn;
pub mod chat;
pub mod compression;
pub mod door;
pub mod echo;

/// The address to listen on: the first argument, or 127.0.0.1:9001.
#[must_use]
pub fn address() -> String {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"));
    arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:9001".to_owned())
}

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
