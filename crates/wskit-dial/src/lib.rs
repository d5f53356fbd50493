#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod connector;
mod dial;
mod dial_error;
mod dialer;
mod error;
#[cfg(all(test, loom))]
mod models;
mod net;
mod proxy;
mod race;
pub mod reconnect;
mod redirect;
mod semaphore;
mod stage;
mod sync;
mod telemetry;
#[cfg(feature = "rustls")]
pub mod tls;
mod tls_layer;
mod zone;

pub use connector::Connector;
pub use dial::Dial;
pub use dial_error::DialError;
pub use dialer::Dialer;
pub use error::Error;
pub use net::Net;
pub use proxy::{Proxy, ProxyError, ProxyHandshake, ProxyUrlError, SocksFailure};
pub use reconnect::Reconnect;
pub use redirect::RedirectError;
pub use tls_layer::{TlsDialer, TlsLayer};
