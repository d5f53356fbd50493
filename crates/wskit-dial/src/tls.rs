//! TLS for every binding: settings, and errors that say what is wrong with a certificate.
//!
//! The crypto provider is always passed by value: a process-wide default is neither used nor needed.

mod acceptor;
mod config;
mod connector;
mod error;
mod given;
mod session;

pub use acceptor::Acceptor;
pub use config::{client_config_trusting, server_config};
pub use connector::{Connector, Rustls};
#[cfg(test)]
pub(crate) use error::handshake_error;
pub use error::{BadCertificate, TlsConfigError, TlsError};
#[cfg(feature = "futures-rustls")]
pub use futures_rustls;
pub use rustls;
pub(crate) use session::session;
#[cfg(feature = "tokio-rustls")]
pub use tokio_rustls;
