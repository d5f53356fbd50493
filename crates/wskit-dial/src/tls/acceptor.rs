use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use wskit_driver::{BoxError, Elapsed, ServeRuntime, ServerTls, within};
use wskit_proto::Role;

use super::config::server_config;
use super::error::{TlsConfigError, handshake_error};

use crate::connect_error::{ConnectCause, ConnectError};
use crate::dial_error::DialError;
use crate::net::Net;
use crate::stage::Stage;
use crate::tls_streams::Tls;

/// The TLS settings of a server. Cheap to clone.
#[must_use]
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
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self {
            config: config.into(),
            limit: Duration::from_secs(10),
            runtime: PhantomData,
        }
    }

    /// Returns the rustls configuration, to be changed and passed to
    /// [`from_config`](Acceptor::from_config).
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Sets how long a TLS handshake may take. Default: 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Performs the TLS handshake as the server. Pass the stream to
    /// [`Server::accept`](wskit_driver::Server::accept).
    ///
    /// # Errors
    /// [`DialError::Connect`] in the stage [`Stage::Tls`]: the handshake failed
    /// ([`ConnectCause::Tls`]), the stream failed or ended ([`ConnectCause::Io`]), or it took too long
    /// ([`ConnectCause::Timeout`]).
    ///
    /// # Cancel safety
    /// A dropped accept drops the stream.
    pub async fn accept<S: Send>(&self, stream: S) -> Result<<R::Tls as Tls<S>>::Server, DialError>
    where
        R: Net<Tls: Tls<S>>,
    {
        // Boxed, so that a task which goes on with the stream is not as large as two of them for good.
        let accepting = Box::pin(R::Tls::accept(self.config.clone(), stream));
        match within(R::Timer::default(), self.limit, accepting).await {
            Ok(accepted) => accepted.map_err(|error| handshake_error(Role::Server, error)),
            Err(Elapsed::Timeout) => {
                let error = ConnectError::new(Stage::Tls, ConnectCause::Timeout);
                Err(error.within(self.limit).into())
            }
            Err(Elapsed::NoTimer(error)) => Err(DialError::NoTimer(error)),
        }
    }
}

/// For [`Serve::tls`](wskit_driver::Serve::tls).
impl<R, S> ServerTls<R, S> for Acceptor<R>
where
    R: Net<Tls: Tls<S>, Timer: Send> + ServeRuntime<S>,
    <R as ServeRuntime<S>>::Stream: From<<R::Tls as Tls<S>>::Server>,
    S: Send + 'static,
{
    async fn accept(&self, stream: S) -> Result<<R as ServeRuntime<S>>::Stream, BoxError> {
        Ok(Acceptor::accept(self, stream).await?.into())
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
