use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use wskit_handshake::ClientRequest;

use super::error::ProxyError;
use super::proxy::{Proxy, ProxyServer};
use super::stage::Stage;
use super::{Dial, race};
use crate::error::Error;
use crate::handshake::{read, write_all};
use crate::net::Net;
use crate::telemetry::step;
#[cfg(feature = "rustls")]
use crate::tls;

/// Dials as everybody does: name lookup, TCP, perhaps by way of a proxy, and TLS for `wss://`.
///
/// It knows no deadline: a [`Connector`](crate::Connector) sets one over all of it.
pub struct Dialer<R> {
    from: Option<IpAddr>,
    proxy: Proxy,
    #[cfg(feature = "rustls")]
    tls: Option<tls::Connector<R>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Dialer<R> {
    /// No proxy; TLS with whoever the compiled-in features trust.
    #[must_use]
    pub fn new() -> Self {
        Self {
            from: None,
            proxy: Proxy::default(),
            #[cfg(feature = "rustls")]
            tls: None,
            runtime: PhantomData,
        }
    }

    /// TLS settings for `wss://`, and for a proxy that is spoken to inside TLS.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, connector: tls::Connector<R>) -> Self {
        self.tls = Some(connector);
        self
    }

    /// The proxies to ask.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// The local address to connect from; addresses of the other family are not tried then.
    #[must_use]
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.from = Some(address.into());
        self
    }
}

impl<R: Net> Dialer<R> {
    /// Opens the way to the server of `request`, directly or through a proxy, without TLS to the server:
    /// what a TLS library of your own goes on with.
    ///
    /// Name lookup is the runtime's; of several addresses those of both families are tried in turns,
    /// 250 ms apart or as soon as one fails, and the first that answers is taken (RFC 8305).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Proxy`]; [`Error::NoTimer`].
    ///
    /// # Cancel safety
    /// A dropped call drops the connections that it has begun.
    pub async fn tcp(&self, request: &ClientRequest) -> Result<R::Stream, Error> {
        self.tcp_in_stages(request, &Stage::default()).await
    }

    pub(super) async fn tcp_in_stages(
        &self,
        request: &ClientRequest,
        stage: &Stage,
    ) -> Result<R::Stream, Error> {
        let Some(server) = self.proxy.server_for(request) else {
            step("dialling", request.host(), request.port());
            return race::connect::<R>(request.host(), request.port(), self.from).await;
        };
        step("dialling the proxy", &server.host, server.port);
        stage.enter_proxy();
        let stream = self.through(server, request).await?;
        stage.leave_proxy();
        Ok(stream)
    }

    /// RFC 6455 §4.1: with a proxy configured, it is asked for a way to the server.
    async fn through(
        &self,
        server: &ProxyServer,
        request: &ClientRequest,
    ) -> Result<R::Stream, Error> {
        let mut handshake = server.handshake(request.host(), request.port())?;
        let stream = self.reach(server).await.map_err(|error| match error {
            Error::Io(error) => ProxyError::Unreachable(error).into(),
            #[cfg(feature = "rustls")]
            Error::Tls(error) => ProxyError::Tls(error).into(),
            other => other,
        })?;
        step("asking the proxy", request.host(), request.port());
        let mut io = R::wrap(stream);
        let mut buf = [0; 32];
        loop {
            write_all(&mut io, &handshake.take_output())
                .await
                .map_err(ProxyError::Io)?;
            let wanted = handshake.wanted().min(buf.len());
            if wanted == 0 {
                return Ok(R::into_stream(io));
            }
            let (room, _) = buf.split_at_mut(wanted);
            let n = read(&mut io, room).await.map_err(ProxyError::Io)?;
            if n == 0 {
                return Err(ProxyError::Closed.into());
            }
            handshake.receive(room.get(..n).unwrap_or_default())?;
        }
    }

    /// A connection to the proxy.
    async fn reach(&self, server: &ProxyServer) -> Result<R::Stream, Error> {
        if !server.is_secure() {
            return race::connect::<R>(&server.host, server.port, self.from).await;
        }
        #[cfg(feature = "rustls")]
        {
            let tls = self.tls_connector()?;
            let stream = race::connect::<R>(&server.host, server.port, self.from).await?;
            self.secure(&tls, &server.host, stream).await
        }
        #[cfg(not(feature = "rustls"))]
        Err(Error::TlsUnavailable)
    }

    /// Puts a stream inside TLS for HTTP/1.1.
    #[cfg(feature = "rustls")]
    async fn secure(
        &self,
        tls: &tls::Connector<R>,
        host: &str,
        stream: R::Stream,
    ) -> Result<R::Stream, Error> {
        let secured = R::secure(tls, host, stream).await?;
        tls::TlsError::check_alpn(R::alpn(&secured))?;
        Ok(secured)
    }

    /// Asked for before anything is dialled: settings that cannot work are no reason to bother anybody.
    #[cfg(feature = "rustls")]
    fn tls_connector(&self) -> Result<tls::Connector<R>, Error> {
        if !R::TLS {
            return Err(Error::TlsUnavailable);
        }
        Ok(self.tls.clone().map_or_else(tls::Connector::new, Ok)?)
    }
}

impl<R: Net> Dial for Dialer<R> {
    type Stream = R::Stream;

    async fn dial(&self, request: &ClientRequest) -> Result<R::Stream, Error> {
        self.dial_in_stages(request, &Stage::default()).await
    }

    #[cfg(feature = "rustls")]
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        stage: &Stage,
    ) -> Result<R::Stream, Error> {
        if !request.is_secure() {
            return self.tcp_in_stages(request, stage).await;
        }
        let tls = self.tls_connector()?;
        let tcp = self.tcp_in_stages(request, stage).await?;
        step("TLS handshake", request.host(), request.port());
        self.secure(&tls, request.server_name(), tcp).await
    }

    #[cfg(not(feature = "rustls"))]
    async fn dial_in_stages(
        &self,
        request: &ClientRequest,
        stage: &Stage,
    ) -> Result<R::Stream, Error> {
        if request.is_secure() {
            return Err(Error::TlsUnavailable);
        }
        self.tcp_in_stages(request, stage).await
    }
}

impl<R> Clone for Dialer<R> {
    fn clone(&self) -> Self {
        Self {
            from: self.from,
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
