use std::fmt;
use std::future::Future;
use std::pin::Pin;

use wskit_driver::{PollRead, PollWrite};
use wskit_handshake::ClientRequest;

use super::{Proxy, ProxyError, ProxyServer};
use crate::dial_error::DialError;
use crate::dialer::Dialer;
use crate::net::Net;
use crate::progress::Progress;
use crate::telemetry::step;

/// The way through proxies. A trait, so that the code of proxies is linked only into programs that set one.
pub(crate) trait Via<R>: fmt::Debug + Send + Sync {
    /// Opens a stream to the server of `request` through its proxy; `None` to connect directly.
    fn dial<'a>(
        &'a self,
        dialer: &'a Dialer<R>,
        request: &'a ClientRequest,
        progress: &'a Progress,
    ) -> Option<Dialling<'a, R::Stream>>
    where
        R: Net;
}

/// A stream that is being opened.
pub(crate) type Dialling<'a, S> = Pin<Box<dyn Future<Output = Result<S, DialError>> + Send + 'a>>;

impl<R> Via<R> for Proxy {
    fn dial<'a>(
        &'a self,
        dialer: &'a Dialer<R>,
        request: &'a ClientRequest,
        progress: &'a Progress,
    ) -> Option<Dialling<'a, R::Stream>>
    where
        R: Net,
    {
        let server = self.server_for(request)?;
        step("dialling the proxy", &server.host, server.port);
        progress.enter_proxy(&server.host, server.port);
        Some(Box::pin(server.ask(dialer, request, progress)))
    }
}

impl ProxyServer {
    /// Asks the proxy for a connection to the server (RFC 6455 §4.1).
    async fn ask<R: Net>(
        &self,
        dialer: &Dialer<R>,
        request: &ClientRequest,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        let mut handshake = self.handshake(request.host(), request.port())?;
        let reached = self.reach(dialer, progress).await;
        let stream = reached.map_err(ProxyError::of_reaching)?;
        step("asking the proxy", request.host(), request.port());
        let mut io = R::wrap(stream);
        let mut buf = [0; 32];
        loop {
            io.write_all(&handshake.take_output())
                .await
                .map_err(ProxyError::Io)?;
            let wanted = handshake.wanted().min(buf.len());
            if wanted == 0 {
                return Ok(R::tunnel(io.into()));
            }
            let (room, _) = buf.split_at_mut(wanted);
            let n = io.read(room).await.map_err(ProxyError::Io)?;
            if n == 0 {
                return Err(ProxyError::Closed.into());
            }
            handshake.receive(room.get(..n).unwrap_or_default())?;
        }
    }

    /// Connects to the proxy itself.
    async fn reach<R: Net>(
        &self,
        dialer: &Dialer<R>,
        progress: &Progress,
    ) -> Result<R::Stream, DialError> {
        let tcp = dialer.tcp_to(&self.host, self.port, progress);
        if !self.is_secure() {
            return tcp.await;
        }
        #[cfg(feature = "rustls")]
        {
            let tls = dialer.tls_connector()?;
            dialer.secure(&tls, &self.host, tcp.await?).await
        }
        #[cfg(not(feature = "rustls"))]
        Err(DialError::TlsUnavailable)
    }
}
