//! `wss://` by rustls, both ways.

pub use tokio_rustls::{client, server};
pub use wskit_dial::tls::{BadCertificate, TlsConfigError, TlsError, rustls};

/// A client's TLS settings; see [`wskit_dial::tls::Connector`].
pub type Connector = wskit_dial::tls::Connector<crate::Tokio>;
/// A server's TLS settings; see [`wskit_dial::tls::Acceptor`].
pub type Acceptor = wskit_dial::tls::Acceptor<crate::Tokio>;
