//! What can go wrong, by whose fault.
//!
//! [`HandshakeError`] is the peer's doing. [`RequestError`] and [`BuildError`]
//! are the caller's, and are reported before a byte leaves.

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
