//! Errors of the handshake.
//!
//! [`HandshakeError`] is caused by the peer. [`RequestError`] and
//! [`BuildError`] are caused by the caller and are returned before anything is
//! sent.

mod caller;
mod extension;
mod handshake;
mod not_http;
mod refusal;

pub use caller::{BuildError, HeaderError, RequestError};
pub use extension::ExtensionError;
pub use handshake::{HandshakeError, HeadFault};
pub use not_http::NotHttp;
pub use refusal::Refusal;
