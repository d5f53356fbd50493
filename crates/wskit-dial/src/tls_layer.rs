use std::future::Future;
use std::io;
use std::time::Duration;

use wskit_driver::Timer;
use wskit_handshake::ClientRequest;

use crate::dial::Dial;
use crate::dial_error::DialError;
use crate::dialer::Dialer;
use crate::net::Net;
use crate::stage::Stage;

/// A TLS library that secures client streams of type `S`.
pub trait TlsLayer<S>: Send + Sync {
    /// The stream inside TLS.
    type Stream: Send + 'static;

    /// Performs the TLS handshake with `host` and checks its certificate.
    ///
    /// # Errors
    /// Any that fits. [`DialError::Io`] can hold any error (`io::Error::other`).
    fn secure(
        &self,
        host: &str,
        stream: S,
    ) -> impl Future<Output = Result<Self::Stream, DialError>> + Send;
}

/// A [`Dialer`] with another TLS library, for `wss://` only.
///
/// Made by [`Connector::tls_layer`](crate::Connector::tls_layer).
#[derive(Clone, Debug)]
pub struct TlsDialer<R, L> {
    dialer: Dialer<R>,
    layer: L,
}

impl<R, L> TlsDialer<R, L> {
    /// Makes a dialler with the settings of `dialer` and this TLS library.
    #[must_use]
    pub fn new(dialer: Dialer<R>, layer: L) -> Self {
        Self { dialer, layer }
    }
}

impl<R: Net, L: TlsLayer<R::Stream>> Dial for TlsDialer<R, L> {
    type Stream = L::Stream;

    async fn dial(&self, request: &ClientRequest) -> Result<L::Stream, DialError> {
        self.dial_in_stages(request, &Stage::default()).await
    }

    async fn dial_within<C: Timer + Send>(
        &self,
        request: &ClientRequest,
        timer: C,
        limit: Duration,
    ) -> Result<L::Stream, DialError> {
        let stage = Stage::default();
        let dialling = self.dial_in_stages(request, &stage);
        stage.within(timer, limit, dialling).await
    }
}

impl<R: Net, L: TlsLayer<R::Stream>> TlsDialer<R, L> {
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        stage: &Stage,
    ) -> Result<L::Stream, DialError> {
        if !request.is_secure() {
            let error = "this connector's TLS library is for wss:// only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error).into());
        }
        let tcp = self.dialer.tcp_in_stages(request, stage).await?;
        self.layer.secure(request.server_name(), tcp).await
    }
}
