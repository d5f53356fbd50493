//! What the examples share: the chat, servers of pages, TLS, and the address to listen on.

pub mod chat;
pub mod pages;

use std::fmt::Debug;

use wskit::ServeError;

/// The arguments that are followed by a value.
const WITH_VALUE: [&str; 2] = ["--nats", "--redis"];

/// Returns the address to listen on: the first argument that is no option, or 127.0.0.1:9001.
#[must_use]
pub fn address() -> String {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with("--") {
            return argument;
        }
    }
    "127.0.0.1:9001".to_owned()
}

/// Returns the value that follows an argument, such as `--nats`.
#[must_use]
pub fn argument(name: &str) -> Option<String> {
    std::env::args()
        .skip_while(|argument| argument != name)
        .nth(1)
}

/// Prints an error of a server, unless it means that the client went away.
pub fn report<A: Debug>(error: &ServeError<A>) {
    if !error.is_disconnect() {
        eprintln!("{error}");
    }
}

/// Makes a certificate for this machine. Returns it and its key as PEM, and prints the path of a copy
/// for clients.
///
/// # Errors
/// It could not be made or written.
#[cfg(feature = "tls")]
pub fn certificate() -> Result<(String, String), Box<dyn std::error::Error>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let path = std::env::temp_dir().join(format!("wskit-echo-{}.pem", std::process::id()));
    std::fs::write(&path, made.cert.pem())?;
    println!("certificate: {}", path.display());
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
