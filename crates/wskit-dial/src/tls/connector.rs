use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use wskit_handshake::RequestError;

use super::config::{Roots, client_config_trusting};
use super::error::{TlsConfigError, handshake_error};
use crate::dial_error::DialError;
use crate::maybe_tls::{MaybeTls, TlsStack};
use crate::net::Net;
use crate::zone::split_zone;

/// The TLS streams of a runtime, over streams of type `S`.
pub trait Rustls<S> {
    /// A client's stream inside TLS.
    type Client;
    /// A server's stream inside TLS.
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

/// TLS of a server over streams of type `S` that can go to another thread: what
/// [`Server::serve`](wskit_driver::Server::serve) spawns.
pub trait AcceptTls<S>: TlsStack {
    /// Performs the TLS handshake as the server.
    ///
    /// # Errors
    /// Those of [`Rustls::accept`].
    fn accept_tls(
        config: Arc<ServerConfig>,
        stream: S,
    ) -> impl Future<Output = io::Result<MaybeTls<S, Self>>> + Send;
}

/// The TLS settings of a client. Cheap to clone.
pub struct Connector<R> {
    config: Arc<ClientConfig>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Connector<R> {
    /// Makes settings that trust the default roots: Mozilla's list with the feature `webpki-roots`, else
    /// those of the operating system with the feature `platform-verifier`.
    ///
    /// # Errors
    /// [`TlsConfigError::NoRoots`] without either feature, [`TlsConfigError::NoProvider`] without a crypto
    /// provider.
    pub fn new() -> Result<Self, TlsConfigError> {
        Self::trusting_roots(Roots::DEFAULT.ok_or(TlsConfigError::NoRoots)?)
    }

    /// Makes settings that trust Mozilla's list of roots, as compiled in.
    ///
    /// # Errors
    /// No crypto provider was compiled in.
    #[cfg(feature = "webpki-roots")]
    pub fn mozilla_roots() -> Result<Self, TlsConfigError> {
        Self::trusting_roots(Roots::Mozilla)
    }

    /// Makes settings that trust the roots of the operating system, and verify as it does.
    ///
    /// # Errors
    /// No crypto provider was compiled in, or the system's roots cannot be used.
    #[cfg(feature = "platform-verifier")]
    pub fn platform_roots() -> Result<Self, TlsConfigError> {
        Self::trusting_roots(Roots::Platform)
    }

    fn trusting_roots(roots: Roots) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(roots.client_config()?))
    }

    /// Makes settings that trust only these certificates (PEM text). Each is trusted as an authority, for
    /// the servers whose certificates it signed, and as a server's own certificate. The second is for
    /// self-signed certificates, even if they are marked as an authority's (`CA:TRUE`), as
    /// `openssl req -x509` marks them. Names and dates are always checked.
    ///
    /// # Errors
    /// No crypto provider was compiled in, or the text holds no certificate.
    pub fn trusting(pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(client_config_trusting(pem.as_ref())?))
    }

    /// Makes settings from any rustls configuration.
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
    /// [`DialError::Tls`], with what is wrong with the certificate; [`DialError::Io`];
    /// [`DialError::Request`] if no certificate can be for such a host.
    ///
    /// # Cancel safety
    /// A dropped connect drops the stream.
    pub async fn connect<S>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<<R::Tls as Rustls<S>>::Client, DialError>
    where
        R: Net<Tls: Rustls<S>>,
    {
        self.connect_by::<R::Tls, S>(host, stream).await
    }

    /// Performs the TLS handshake by the library `L`, as [`connect`](Connector::connect) does by the one
    /// of the runtime: for a [`ClientTls`](crate::ClientTls) of one's own.
    ///
    /// # Errors
    /// Those of [`connect`](Connector::connect).
    ///
    /// # Cancel safety
    /// A dropped connect drops the stream.
    pub async fn connect_by<L, S>(&self, host: &str, stream: S) -> Result<L::Client, DialError>
    where
        L: Rustls<S>,
    {
        // Certificates hold no interfaces of this machine.
        let (host, _) = split_zone(host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| DialError::Request(RequestError::InvalidHost))?;
        L::connect(self.config.clone(), name, stream)
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
