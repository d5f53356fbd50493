//! `wss://` by rustls, both ways.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{TlsAcceptor, TlsConnector};
use wskit_driver::tls::rustls::pki_types::ServerName;
use wskit_driver::tls::rustls::{ClientConfig, ServerConfig};
use wskit_driver::tls::{self, TlsConfigError, handshake_error};
use wskit_driver::{Error, within};

pub use futures_rustls::{client, server};
pub use wskit_driver::tls::{BadCertificate, TlsError, rustls};

use crate::timer::AsyncStdTimer;

/// A client's TLS settings. Cheap to clone.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl Connector {
    /// Trusts whom the compiled-in feature says: the operating system (`platform-verifier`), else
    /// Mozilla's list (`webpki-roots`).
    ///
    /// # Errors
    /// No crypto provider or nobody to trust was compiled in.
    pub fn new() -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(tls::client_config()?))
    }

    /// Trusts these certificates (PEM text) and nobody else.
    ///
    /// # Errors
    /// No crypto provider was compiled in, or the text holds no certificate.
    pub fn trusting(pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(tls::client_config_trusting(
            pem.as_ref(),
        )?))
    }

    /// Any rustls configuration.
    #[must_use]
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self(TlsConnector::from(config.into()))
    }

    /// Performs the TLS handshake as a client of `host`, which is sent as the server name.
    ///
    /// # Errors
    /// [`Error::Tls`], with what was wrong with the certificate; [`Error::Io`].
    ///
    /// # Cancel safety
    /// A dropped connect drops the stream.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<client::TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Request(wskit_handshake::RequestError::InvalidHost))?;
        self.0.connect(name, stream).await.map_err(handshake_error)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// A server's TLS settings. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    limit: Duration,
}

impl Acceptor {
    /// A certificate chain and its private key, as PEM text.
    ///
    /// # Errors
    /// No crypto provider was compiled in, or the text is no chain or key, or they do not match.
    pub fn from_pem(
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(tls::server_config(
            chain.as_ref(),
            key.as_ref(),
        )?))
    }

    /// Any rustls configuration.
    #[must_use]
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self {
            acceptor: TlsAcceptor::from(config.into()),
            limit: Duration::from_secs(10),
        }
    }

    /// How long a TLS handshake may take. Default 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Performs the TLS handshake as the server; give the stream to
    /// [`Server::accept`](crate::Server::accept).
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Io`], [`Error::HandshakeTimeout`].
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept<S>(&self, stream: S) -> Result<server::TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        within(
            AsyncStdTimer::default(),
            self.limit,
            self.acceptor.accept(stream),
        )
        .await?
        .map_err(handshake_error)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
