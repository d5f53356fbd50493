//! The half for tokio: the same connection, whose stream has tokio's traits.

#[cfg(feature = "connect")]
mod connect;
#[cfg(feature = "deadlines")]
mod deadline;
#[cfg(feature = "handshake")]
mod handshake;
#[cfg(feature = "wskit")]
mod into_wskit;
#[cfg(feature = "stream")]
mod maybe_tls;
mod std_io;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls", feature = "connect"))]
mod tls;
mod websocket;

#[cfg(all(
    feature = "connect",
    any(feature = "native-tls", feature = "__rustls-tls")
))]
pub use connect::connect_async_tls_with_config;
#[cfg(feature = "connect")]
pub use connect::{connect_async, connect_async_with_config};
#[cfg(feature = "handshake")]
pub use handshake::{
    accept_async, accept_async_with_config, accept_hdr_async, accept_hdr_async_with_config,
    client_async, client_async_with_config,
};
#[cfg(feature = "stream")]
pub use maybe_tls::MaybeTlsStream;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub use tls::{client_async_tls, client_async_tls_with_config};
pub use websocket::WebSocketStream;
