//! `wss://` by rustls, both ways.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wskit_dial::tls::Rustls;
use wskit_dial::tls::rustls::pki_types::ServerName;
use wskit_dial::tls::rustls::{ClientConfig, ServerConfig};

pub use tokio_rustls::{client, server};
pub use wskit_dial::tls::{BadCertificate, TlsError, rustls};

use crate::Tokio;

/// A client's TLS settings; see [`wskit_dial::tls::Connector`].
pub type Connector = wskit_dial::tls::Connector<Tokio>;
/// A server's TLS settings; see [`wskit_dial::tls::Acceptor`].
pub type Acceptor = wskit_dial::tls::Acceptor<Tokio>;

impl<S: AsyncRead + AsyncWrite + Unpin> Rustls<S> for Tokio {
    type Client = client::TlsStream<S>;
    type Server = server::TlsStream<S>;

    async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: S,
    ) -> io::Result<client::TlsStream<S>> {
        TlsConnector::from(config).connect(name, stream).await
    }

    async fn accept(config: Arc<ServerConfig>, stream: S) -> io::Result<server::TlsStream<S>> {
        TlsAcceptor::from(config).accept(stream).await
    }
}
