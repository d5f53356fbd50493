use std::future::Future;
use std::io;
use std::time::Duration;

use wskit_driver::Timer;
use wskit_handshake::ClientRequest;

use crate::connect_error::{ConnectCause, ConnectError};
use crate::dial::Dial;
use crate::dial_error::DialError;
use crate::dialer::Dialer;
use crate::net::Net;
use crate::progress::Progress;
use crate::stage::Stage;

/// A TLS library that secures client streams of type `S`.
pub trait TlsLayer<S>: Send + Sync {
    /// The stream inside TLS.
    type Stream: Send + 'static;

    /// Performs the TLS handshake with `host` and checks its certificate.
    ///
    /// # Errors
    /// Any that fits. `?` converts an `io::Error`, which can hold any other (`io::Error::other`).
    ///
    /// A [`Reconnect`](crate::Reconnect) gives up after an `io::Error` of the kind `Other` or `InvalidData`,
    /// unless it holds one of the network: it is taken for a refused certificate.
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
    pub fn new(dialer: Dialer<R>, layer: L) -> Self {
        Self { dialer, layer }
    }
}

impl<R: Net, L: TlsLayer<R::Stream>> Dial for TlsDialer<R, L> {
    type Stream = L::Stream;

    async fn dial(&self, request: &ClientRequest) -> Result<L::Stream, DialError> {
        let progress = Progress::new();
        progress.of(self.dial_in_stages(request, &progress)).await
    }

    async fn dial_within<C: Timer + Send>(
        &self,
        request: &ClientRequest,
        timer: C,
        limit: Duration,
    ) -> Result<L::Stream, DialError> {
        let progress = Progress::new();
        let dialling = self.dial_in_stages(request, &progress);
        progress.within(timer, limit, dialling).await
    }
}

impl<R: Net, L: TlsLayer<R::Stream>> TlsDialer<R, L> {
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        progress: &Progress,
    ) -> Result<L::Stream, DialError> {
        if !request.is_secure() {
            let error = "this connector's TLS library is for wss:// only";
            let error = io::Error::new(io::ErrorKind::InvalidInput, error);
            return Err(ConnectError::new(Stage::Tls, ConnectCause::Io(error)).into());
        }
        let tcp = self.dialer.tcp_in_stages(request, progress).await?;
        progress.enter(Stage::Tls);
        self.layer.secure(request.server_name(), tcp).await
    }
}
