use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use wskit_handshake::RequestError;
use wskit_proto::Role;

use super::config::{Roots, client_config_trusting};
use super::error::{TlsConfigError, handshake_error};
use crate::dial_error::DialError;
use crate::net::Net;
use crate::tls_streams::Tls;
use crate::zone::split_zone;

/// The TLS settings of a client. Cheap to clone.
#[must_use]
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
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self {
            config: config.into(),
            runtime: PhantomData,
        }
    }

    /// Returns the rustls configuration, to be changed and passed to
    /// [`from_config`](Connector::from_config).
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Performs the TLS handshake as a client of `host`, which is sent as the server name
    /// (RFC 6455 §4.1 item 5). The zone of an address (`fe80::1%eth0`) is left out.
    ///
    /// # Errors
    /// [`DialError::Connect`] in the stage [`Stage::Tls`](crate::Stage::Tls), with what is wrong with the
    /// certificate in [`ConnectCause::Tls`](crate::ConnectCause::Tls); [`DialError::Request`] if no certificate can be for such a host.
    ///
    /// # Cancel safety
    /// A dropped connect drops the stream.
    pub async fn connect<S: Send>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<<R::Tls as Tls<S>>::Client, DialError>
    where
        R: Net<Tls: Tls<S>>,
    {
        // Certificates hold no interfaces of this machine.
        let (host, _) = split_zone(host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| DialError::Request(RequestError::InvalidHost))?;
        // Boxed, so that a task which goes on with the stream is not larger than that for good.
        Box::pin(R::Tls::connect(self.config.clone(), name, stream))
            .await
            .map_err(|error| handshake_error(Role::Client, error))
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
