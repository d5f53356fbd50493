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
