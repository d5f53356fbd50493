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
mod async_io;
mod connect_error;
mod connector;
mod dial;
mod dial_error;
mod dialer;
mod error;
mod lookup_failure;
mod maybe_tls;
#[cfg(all(test, loom))]
mod models;
#[cfg(any(feature = "async-native-tls", feature = "tokio-native-tls"))]
mod native_tls;
mod net;
mod progress;
mod proxy;
mod race;
mod read_ahead;
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
mod tls_streams;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;
mod zone;

#[cfg(feature = "async-io")]
pub use async_io::connect_with;
pub use connect_error::{ConnectCause, ConnectError};
pub use connector::Connector;
pub use dial::Dial;
pub use dial_error::DialError;
pub use dialer::Dialer;
pub use error::Error;
pub use lookup_failure::LookupFailure;
#[cfg(feature = "futures-io")]
pub use maybe_tls::FuturesRustls;
pub use maybe_tls::MaybeTls;
#[cfg(feature = "tokio-io")]
pub use maybe_tls::TokioRustls;
pub use net::Net;
pub use proxy::{Proxy, ProxyError, ProxyHandshake, ProxyUrlError, SocksFailure};
pub use read_ahead::ReadAhead;
pub use reconnect::Reconnect;
pub use redirect::RedirectError;
pub use serve::{is_disconnect, redacted};
pub use stage::Stage;
pub use tls_layer::{TlsDialer, TlsLayer};
pub use tls_streams::Tls;

// For `aliases!`.
#[doc(hidden)]
pub use wskit_handshake;
