//! TLS for every binding: settings, and errors that say what is wrong with a certificate.
//!
//! The crypto provider is always passed by value: a process-wide default is neither used nor needed.

mod acceptor;
mod config;
mod connector;
mod error;
mod given;
#[cfg(any(feature = "futures-rustls", feature = "tokio-rustls"))]
mod session;

pub use acceptor::Acceptor;
pub use connector::Connector;
#[cfg(test)]
pub(crate) use error::handshake_error;
pub use error::{BadCertificate, TlsConfigError, TlsError};
pub use rustls;
#[cfg(any(feature = "futures-rustls", feature = "tokio-rustls"))]
pub(crate) use session::session;
