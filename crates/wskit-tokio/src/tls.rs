//! `wss://` by rustls, both ways.

pub use wskit_dial::ReadAhead;
pub use wskit_dial::tls::{BadCertificate, TlsConfigError, TlsError, rustls};

/// A client's TLS settings; see [`wskit_dial::tls::Connector`].
pub type Connector = wskit_dial::tls::Connector<crate::Tokio>;
/// A server's TLS settings; see [`wskit_dial::tls::Acceptor`].
pub type Acceptor = wskit_dial::tls::Acceptor<crate::Tokio>;

/// The stream of a client.
pub mod client {
    /// What [`Connector::connect`](super::Connector::connect) returns.
    pub type TlsStream<S> = tokio_rustls::client::TlsStream<super::ReadAhead<S>>;
}

/// The stream of a server.
pub mod server {
    /// What [`Acceptor::accept`](super::Acceptor::accept) returns.
    pub type TlsStream<S> = tokio_rustls::server::TlsStream<super::ReadAhead<S>>;
}
