//! Features add: what the root means does not depend on them.
#![cfg(feature = "tokio")]

use wskit::OriginPolicy;

/// Whichever other runtimes are compiled in.
#[test]
fn root_is_tokios() {
    let server: wskit::Server = wskit::tokio::Server::new(OriginPolicy::Any);
    let connector: wskit::Connector = wskit::tokio::Connector::new();
    drop((server, connector));
}

/// Each other runtime has a module of its own, beside tokio's.
#[test]
fn other_runtimes_are_modules() {
    #[cfg(feature = "async-std")]
    drop(wskit::async_std::Server::new(OriginPolicy::Any));
    #[cfg(feature = "smol")]
    drop(wskit::smol::Server::new(OriginPolicy::Any));
}

/// Programs need not add `bytes` and `http` in matching versions.
#[test]
fn crates_of_the_api_are_at_the_root() {
    use wskit::{Config, Role, bytes::Bytes, from_parts, http::Request};

    let (near, _far) = tokio::io::duplex(1);
    drop(from_parts(near, Role::Client, Bytes::new(), Config::new()));
    let request = Request::get("ws://localhost/").body(()).expect("a request");
    drop(wskit::connect(request));
}
