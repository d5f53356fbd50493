use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use wskit_driver::{BoxError, ServeRuntime, ServerTls, within};

use super::config::server_config;
use super::connector::{AcceptTls, Rustls};
use super::error::{TlsConfigError, handshake_error};

use crate::dial_error::DialError;
use crate::maybe_tls::MaybeTls;
use crate::net::Net;

/// The TLS settings of a server. Cheap to clone.
pub struct Acceptor<R> {
    config: Arc<ServerConfig>,
    limit: Duration,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Acceptor<R> {
    /// Makes settings with a certificate chain and its private key (PEM text).
    ///
    /// # Errors
    /// No crypto provider was compiled in, the text holds no chain or key, or they do not match.
    pub fn from_pem(
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Ok(Self::from_config(server_config(
            chain.as_ref(),
            key.as_ref(),
        )?))
    }

    /// Makes settings from any rustls configuration.
    #[must_use]
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self {
            config: config.into(),
            limit: Duration::from_secs(10),
            runtime: PhantomData,
        }
    }

    /// Sets how long a TLS handshake may take. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Performs the TLS handshake as the server. Pass the stream to
    /// [`Server::accept`](wskit_driver::Server::accept).
    ///
    /// # Errors
    /// [`DialError::Tls`], [`DialError::Io`], [`DialError::Timeout`].
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept<S>(&self, stream: S) -> Result<<R::Tls as Rustls<S>>::Server, DialError>
    where
        R: Net<Tls: Rustls<S>>,
    {
        let accepting = R::Tls::accept(self.config.clone(), stream);
        within(R::Timer::default(), self.limit, accepting)
            .await?
            .map_err(handshake_error)
    }
}

/// For [`Serve::tls`](wskit_driver::Serve::tls).
impl<R, S> ServerTls<R, S> for Acceptor<R>
where
    R: Net<Tls: AcceptTls<S>, Timer: Send> + ServeRuntime<S, Stream = MaybeTls<S, <R as Net>::Tls>>,
    S: Send + 'static,
{
    async fn accept(&self, stream: S) -> Result<MaybeTls<S, R::Tls>, BoxError> {
        let accepting = R::Tls::accept_tls(self.config.clone(), stream);
        let accepted = within(<R as Net>::Timer::default(), self.limit, accepting).await?;
        Ok(accepted.map_err(handshake_error)?)
    }
}

impl<R> Clone for Acceptor<R> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            limit: self.limit,
            runtime: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Acceptor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
