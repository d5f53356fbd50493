use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use wskit_handshake::RequestError;

use super::{TlsConfigError, client_config, client_config_trusting, handshake_error};
use crate::dial_error::DialError;
use crate::zone::split_zone;

/// A runtime's way to put a stream of type `S` inside TLS.
pub trait Rustls<S> {
    /// A stream inside TLS, at the client.
    type Client;
    /// A stream inside TLS, at the server.
    type Server;

    /// Performs the TLS handshake as a client.
    ///
    /// # Errors
    /// The stream's, or a `rustls::Error` inside an `io::Error`.
    fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: S,
    ) -> impl Future<Output = io::Result<Self::Client>>;

    /// Performs the TLS handshake as the server.
    ///
    /// # Errors
    /// The stream's, or a `rustls::Error` inside an `io::Error`.
    fn accept(
        config: Arc<ServerConfig>,
        stream: S,
    ) -> impl Future<Output = io::Result<Self::Server>>;
}

/// A client's TLS settings. Cheap to clone.
pub struct Connector<R> {
    config: Arc<ClientConfig>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Connector<R> {
    /// Trusts whom the compiled-in feature says: the operating system (`platform-verifier`), else
    /// Mozilla's list (`webpki-roots`).
    ///
    /// # Errors
    /// No crypto provider or nobody to trust was compiled in.
    pub fn new() -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(client_config()?))
    }

    /// Trusts these certificates (PEM text) and no others: each as that of an authority, for the servers
    /// whose certificates it has signed, and as that of a server itself, whatever has signed it. The
    /// second is for certificates that signed themselves, also if they are marked as an authority's
    /// (`CA:TRUE`), as `openssl req -x509` marks them. Names and dates are checked all the same.
    ///
    /// # Errors
    /// No crypto provider was compiled in, or the text holds no certificate.
    pub fn trusting(pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(client_config_trusting(pem.as_ref())?))
    }

    /// Any rustls configuration.
    #[must_use]
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self {
            config: config.into(),
            runtime: PhantomData,
        }
    }

    /// Performs the TLS handshake as a client of `host`, which is sent as the server name
    /// (RFC 6455 §4.1 item 5). The zone of an address (`fe80::1%eth0`) is left out.
    ///
    /// # Errors
    /// [`DialError::Tls`], with what was wrong with the certificate; [`DialError::Io`]; [`DialError::Request`] if
    /// no certificate can be for such a host.
    ///
    /// # Cancel safety
    /// A dropped connect drops the stream.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<R::Client, DialError>
    where
        R: Rustls<S>,
    {
        // No certificate knows the interfaces of this machine.
        let (host, _) = split_zone(host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| DialError::Request(RequestError::InvalidHost))?;
        R::connect(self.config.clone(), name, stream)
            .await
            .map_err(handshake_error)
    }
}

impl<R> Clone for Connector<R> {
    fn clone(&self) -> Self {
        Self::from_config(self.config.clone())
    }
}

impl<R> fmt::Debug for Connector<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
