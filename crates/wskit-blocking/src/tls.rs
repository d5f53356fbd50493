//! `wss://` by rustls, both ways.

pub use wskit_dial::tls::{BadCertificate, TlsConfigError, TlsError, rustls};

/// A client's TLS settings; see [`wskit_dial::tls::Connector`].
pub type Connector = wskit_dial::tls::Connector<crate::Blocking>;
/// A server's TLS settings; see [`wskit_dial::tls::Acceptor`].
pub type Acceptor = wskit_dial::tls::Acceptor<crate::Blocking>;
