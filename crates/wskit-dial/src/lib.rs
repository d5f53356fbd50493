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

mod aliases;
#[cfg(feature = "async-io")]
pub mod async_io;
mod client_tls;
mod connector;
mod dial;
mod dial_error;
mod dialer;
mod error;
mod maybe_tls;
#[cfg(all(test, loom))]
mod models;
#[cfg(any(feature = "async-native-tls", feature = "tokio-native-tls"))]
pub mod native_tls;
mod net;
mod proxy;
mod race;
pub mod reconnect;
mod redirect;
mod semaphore;
mod serve;
mod stage;
mod sync;
mod telemetry;
#[cfg(feature = "rustls")]
pub mod tls;
mod tls_layer;
mod zone;

pub use client_tls::{ClientTls, NoTls};
pub use connector::Connector;
pub use dial::Dial;
pub use dial_error::DialError;
pub use dialer::Dialer;
pub use error::Error;
#[cfg(feature = "futures-io")]
pub use maybe_tls::FuturesRustls;
#[cfg(feature = "tokio-io")]
pub use maybe_tls::TokioRustls;
pub use maybe_tls::{MaybeTls, TlsStack};
pub use net::Net;
pub use proxy::{Proxy, ProxyError, ProxyHandshake, ProxyUrlError, SocksFailure};
pub use reconnect::Reconnect;
pub use redirect::RedirectError;
pub use serve::is_disconnect;
pub use tls_layer::{TlsDialer, TlsLayer};

/// What [`aliases!`] names.
#[doc(hidden)]
pub mod macros {
    pub use wskit_handshake::{ClientRequest, RequestError};
}
