//! The client's side of the handshake (RFC 6455 §4.1).

mod body;
pub(crate) mod handshake;
mod location;
pub(crate) mod request;
mod response;
pub(crate) mod url;
pub(crate) mod via_http;
