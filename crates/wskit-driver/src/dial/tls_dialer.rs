use std::future::Future;
use std::io;

use wskit_handshake::ClientRequest;

use super::{Dial, Dialer, Stage};
use crate::error::Error;
use crate::net::Net;

/// A TLS library, as the client of a stream of type `S`.
pub trait TlsLayer<S> {
    /// The stream inside TLS.
    type Stream: 'static;

    /// Performs the TLS handshake with `host`, whose certificate it must check.
    ///
    /// # Errors
    /// Whatever fits; [`Error::Io`] holds anything (`io::Error::other`).
    fn secure(&self, host: &str, stream: S) -> impl Future<Output = Result<Self::Stream, Error>>;
}

/// Dials as a [`Dialer`] does, with another TLS library to the server: for `wss://` only.
///
/// Made by [`Connector::tls_layer`](crate::Connector::tls_layer).
#[derive(Clone, Debug)]
pub struct TlsDialer<R, L> {
    dialer: Dialer<R>,
    layer: L,
}

impl<R, L> TlsDialer<R, L> {
    /// What is set in `dialer`, its own TLS aside, with this layer.
    #[must_use]
    pub fn new(dialer: Dialer<R>, layer: L) -> Self {
        Self { dialer, layer }
    }
}

impl<R: Net, L: TlsLayer<R::Stream>> Dial for TlsDialer<R, L> {
    type Stream = L::Stream;

    async fn dial(&self, request: &ClientRequest) -> Result<L::Stream, Error> {
        self.dial_in_stages(request, &Stage::default()).await
    }

    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        stage: &Stage,
    ) -> Result<L::Stream, Error> {
        if !request.is_secure() {
            let error = "this connector has TLS in all its connections: for wss:// only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error).into());
        }
        let tcp = self.dialer.tcp_in_stages(request, stage).await?;
        self.layer.secure(request.server_name(), tcp).await
    }
}
