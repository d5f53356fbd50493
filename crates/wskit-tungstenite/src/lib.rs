#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![allow(
    clippy::result_large_err,
    reason = "the signatures are given: a handshake that is interrupted is in the error"
)]

#[cfg(feature = "handshake")]
pub mod client;
#[cfg(feature = "handshake")]
mod connector;
#[cfg(feature = "deflate")]
mod deflate;
pub mod error;
#[cfg(feature = "handshake")]
pub mod handshake;
pub mod protocol;
#[cfg(feature = "handshake")]
mod server;
pub mod stream;
#[cfg(feature = "handshake")]
mod tls;
mod tokio_half;
pub mod util;

pub use bytes::Bytes;
#[cfg(feature = "handshake")]
pub use http;

pub use error::{Error, Result};
pub use protocol::frame::Utf8Bytes;
pub use protocol::{Message, WebSocket};

#[cfg(feature = "handshake")]
pub use client::{ClientRequestBuilder, client, connect};
#[cfg(feature = "handshake")]
pub use handshake::{HandshakeError, client::ClientHandshake, server::ServerHandshake};
#[cfg(feature = "handshake")]
pub use server::{accept, accept_hdr, accept_hdr_with_config, accept_with_config};

#[cfg(feature = "handshake")]
pub use connector::Connector;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub use tls::{client_tls, client_tls_with_config};

#[cfg(feature = "deflate")]
pub use deflate::Deflate;
#[cfg(feature = "stream")]
pub use tokio_half::MaybeTlsStream;
pub use tokio_half::WebSocketStream;
#[cfg(all(
    feature = "connect",
    any(feature = "native-tls", feature = "__rustls-tls")
))]
pub use tokio_half::connect_async_tls_with_config;
#[cfg(feature = "handshake")]
pub use tokio_half::{
    accept_async, accept_async_with_config, accept_hdr_async, accept_hdr_async_with_config,
    client_async, client_async_with_config,
};
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub use tokio_half::{client_async_tls, client_async_tls_with_config};
#[cfg(feature = "connect")]
pub use tokio_half::{connect_async, connect_async_with_config};

/// What the crate tungstenite has, for programs that were written for tokio-tungstenite: there it is a
/// re-export.
pub mod tungstenite {
    pub use crate::{Bytes, Error, Message, Result, Utf8Bytes, WebSocket};
    pub use crate::{error, protocol, stream, util};

    #[cfg(feature = "handshake")]
    pub use crate::{
        ClientHandshake, ClientRequestBuilder, HandshakeError, ServerHandshake, accept, accept_hdr,
        accept_hdr_with_config, accept_with_config, client, connect, handshake, http,
    };

    #[cfg(feature = "handshake")]
    pub use crate::Connector;
    #[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
    pub use crate::{client_tls, client_tls_with_config};

    #[cfg(feature = "deflate")]
    pub use crate::Deflate;
}
