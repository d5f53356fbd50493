//! The server's side of the handshake (RFC 6455 §4.2).

pub(crate) mod accept;
mod fast;
pub(crate) mod full;
pub(crate) mod handshake;
pub(crate) mod origin;
pub(crate) mod origin_policy;
pub(crate) mod plain_http;
pub(crate) mod reject;
pub(crate) mod request;
pub(crate) mod via_http;
