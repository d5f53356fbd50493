use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use wskit_driver::{SocketOptions, Timer};
use wskit_handshake::ClientRequest;

use crate::dial::Dial;
use crate::dial_error::DialError;
use crate::net::Net;
use crate::progress::Progress;
use crate::proxy::{Proxy, Via};
use crate::race;
#[cfg(feature = "rustls")]
use crate::stage::Stage;
use crate::telemetry::step;
#[cfg(feature = "rustls")]
use crate::tls;
#[cfg(feature = "rustls")]
use crate::tls_streams::Tls;

/// Opens streams by name lookup and TCP, through a proxy if one is set, and TLS for `wss://`.
///
/// [`dial`](Dial::dial) has no deadline; a [`Connector`](crate::Connector) sets one for the whole attempt.
#[must_use]
pub struct Dialer<R> {
    from: Option<IpAddr>,
    socket: SocketOptions,
    proxy: Option<Arc<dyn Via<R>>>,
    #[cfg(feature = "rustls")]
    tls: Option<tls::Connector<R>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Dialer<R> {
    /// Makes a dialler without a proxy, and with TLS as `tls::Connector::new` sets it up.
    pub fn new() -> Self {
        Self {
            from: None,
            socket: SocketOptions::new(),
            proxy: None,
            #[cfg(feature = "rustls")]
            tls: None,
            runtime: PhantomData,
        }
    }

    /// Sets the TLS settings for `wss://`, and for `https://` proxies.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, connector: tls::Connector<R>) -> Self {
        self.tls = Some(connector);
        self
    }

    /// Sets the proxies to use.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(Arc::new(proxy));
        self
    }

    /// Sets the local address to connect from. Addresses of the other family are not tried then.
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.from = Some(address.into());
        self
    }

    /// Sets how much the operating system buffers for the connections.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.socket = options;
        self
    }
}

impl<R: Net> Dialer<R> {
    /// Opens a stream to the server of `request`, directly or through a proxy, without TLS to the server:
    /// for a TLS library of your own.
    ///
    /// The runtime looks the name up. If it has several addresses, those of both families are tried
    /// alternately, 250 ms apart or as soon as one fails, and the first that answers is used (RFC 8305).
    ///
    /// # Errors
    /// [`DialError::Connect`] in the stages [`Stage::Dns`], [`Stage::Tcp`] and [`Stage::Proxy`];
    /// [`DialError::NoTimer`].
    ///
    /// # Cancel safety
    /// A dropped call drops its connections.
    pub async fn tcp(&self, request: &ClientRequest) -> Result<R::Stream, DialError> {
        let progress = Progress::new();
        progress.of(self.tcp_in_stages(request, &progress)).await
    }

    pub(crate) async fn tcp_in_stages(
        &self,
        request: &ClientRequest,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        let proxy = self.proxy.as_ref();
        if let Some(proxied) = proxy.and_then(|proxy| proxy.dial(self, request, progress)) {
            return proxied.await;
        }
        step("dialling", request.host(), request.port());
        self.tcp_to(request.host(), request.port(), progress).await
    }

    #[cfg(feature = "rustls")]
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        if !request.is_secure() {
            return self.tcp_in_stages(request, progress).await;
        }
        let tls = self.tls_connector()?;
        let tcp = self.tcp_in_stages(request, progress).await?;
        step("TLS handshake", request.host(), request.port());
        progress.enter(Stage::Tls);
        self.secure(&tls, request.server_name(), tcp).await
    }

    #[cfg(not(feature = "rustls"))]
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        if request.is_secure() {
            return Err(DialError::TlsUnavailable);
        }
        self.tcp_in_stages(request, progress).await
    }

    /// Opens a stream to a server or proxy, by TCP alone.
    pub(crate) async fn tcp_to(
        &self,
        host: &str,
        port: u16,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        race::connect::<R>(host, port, self.from, self.socket, progress).await
    }

    /// Puts a stream inside TLS for HTTP/1.1.
    #[cfg(feature = "rustls")]
    pub(crate) async fn secure(
        &self,
        tls: &tls::Connector<R>,
        host: &str,
        stream: R::Stream,
    ) -> Result<R::Stream, DialError> {
        let secured = tls.connect(host, stream).await?;
        tls::TlsError::check_alpn(R::Tls::alpn(&secured))?;
        Ok(secured.into())
    }

    /// Returns the TLS settings. Called before anything is dialled, so that unusable settings cause no
    /// traffic.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_connector(&self) -> Result<tls::Connector<R>, DialError> {
        if !R::Tls::AVAILABLE {
            return Err(DialError::TlsUnavailable);
        }
        Ok(self.tls.clone().map_or_else(tls::Connector::new, Ok)?)
    }
}

impl<R: Net> Dial for Dialer<R> {
    type Stream = R::Stream;

    async fn dial(&self, request: &ClientRequest) -> Result<R::Stream, DialError> {
        let progress = Progress::new();
        progress.of(self.dial_in_stages(request, &progress)).await
    }

    async fn dial_within<C: Timer + Send>(
        &self,
        request: &ClientRequest,
        timer: C,
        limit: Duration,
    ) -> Result<R::Stream, DialError> {
        let progress = Progress::new();
        let dialling = self.dial_in_stages(request, &progress);
        progress.within(timer, limit, dialling).await
    }
}

impl<R> Clone for Dialer<R> {
    fn clone(&self) -> Self {
        Self {
            from: self.from,
            socket: self.socket,
            proxy: self.proxy.clone(),
            #[cfg(feature = "rustls")]
            tls: self.tls.clone(),
            runtime: PhantomData,
        }
    }
}

impl<R> Default for Dialer<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Dialer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("from", &self.from)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
