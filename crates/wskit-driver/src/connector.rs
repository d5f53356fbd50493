use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Response;
use wskit_handshake::{ClientRequest, HeadLimits, Refusal, RequestError};
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{Config, Role};

use crate::client::Client;
use crate::dial::{Dial, Dialer, Proxy, ProxyError, Stage, TlsDialer};
use crate::error::Error;
use crate::net::Net;
use crate::reconnect::{Open, Reconnect};
use crate::redirect::{follow, location};
use crate::runtime::{Runtime, within};
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;
use crate::telemetry::step;
#[cfg(feature = "rustls")]
use crate::tls;
use crate::transport::Timer;
use crate::turns::Turns;
use crate::websocket::WebSocket;

/// Dials: the settings of a client, for one connection or many. Cheap to clone.
pub struct Connector<R, D = Dialer<R>> {
    client: Client<R>,
    dialer: D,
    redirects: usize,
    turns: Option<Turns>,
}

impl<R: Net> Connector<R> {
    /// The default settings: TLS with whoever the compiled-in features trust, `TCP_NODELAY`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: Client::new(),
            dialer: Dialer::new(),
            redirects: 0,
            turns: None,
        }
    }

    /// TLS settings for `wss://`.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, connector: tls::Connector<R>) -> Self {
        self.dialer = self.dialer.tls(connector);
        self
    }

    /// The same settings with another TLS library for `wss://`, and for nothing else: `ws://` and
    /// `https://` proxies are not its affair.
    #[must_use]
    pub fn tls_layer<L>(self, layer: L) -> Connector<R, TlsDialer<R, L>> {
        Connector {
            client: self.client,
            dialer: TlsDialer::new(self.dialer, layer),
            redirects: self.redirects,
            turns: self.turns,
        }
    }

    /// The proxies to ask: one ([`Proxy::new`]) or what the environment says
    /// ([`Proxy::from_env`]). Without this, none.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dialer = self.dialer.proxy(proxy);
        self
    }

    /// The local address to connect from; addresses of the other family are not tried then.
    #[must_use]
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.dialer = self.dialer.local_address(address);
        self
    }
}

impl<R: Net, D> Connector<R, D> {
    /// Limits, deadlines and habits of the connection.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.client = self.client.config(config);
        self
    }

    /// Limits of the server's answer.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.client = self.client.head_limits(limits);
        self
    }

    /// Offers permessage-deflate; the server may decline.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.client = self.client.deflate(config);
        self
    }

    /// Tells this observer of the connections, and of those that could not be opened.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        self.client = self.client.observer(observer);
        self
    }

    /// Follows so many redirects at most (301, 302, 303, 307, 308), within the same deadline. Default 0:
    /// a redirect is a refusal, with the `Location` in it.
    ///
    /// Another scheme, host or port gets none of the headers and sub-protocols that the request was given,
    /// and no way leads from `wss://` to `ws://`: see [`ClientRequest::redirected_to`]. The body of a
    /// redirect is not waited for.
    #[must_use]
    pub fn redirects(mut self, limit: usize) -> Self {
        self.redirects = limit;
        self
    }

    /// Opens so many connections at a time, at least one; the others wait for their turn, and the
    /// deadline of each begins with it. Clones of the connector share the line. Without this, no limit.
    ///
    /// RFC 6455 §4.1 wants at most one connection being opened to an address, and a reasonable number
    /// where a proxy hides the address: a limit of 1 is the one, any other the other.
    #[must_use]
    pub fn max_concurrent(mut self, limit: usize) -> Self {
        self.turns = Some(Turns::new(limit));
        self
    }

    /// The same settings with streams from elsewhere. What was set about TLS, proxies and the local
    /// address is the old dialler's and goes with it.
    #[must_use]
    pub fn dial_by<E>(self, dialer: E) -> Connector<R, E> {
        Connector {
            client: self.client,
            dialer,
            redirects: self.redirects,
            turns: self.turns,
        }
    }

    /// Connects: name lookup, TCP, the proxy, TLS for `wss://` (before anything else is sent), the
    /// opening handshake and redirects, all within `Config::handshake_timeout`. Gives the server's
    /// response too.
    ///
    /// A request is a URL (`&str`, `http::Uri`), an `http::Request<()>`, or a [`ClientRequest`] with
    /// headers, sub-protocols and credentials.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is dialled, [`Error::Io`], [`Error::Proxy`], `Error::Tls`,
    /// [`Error::TlsUnavailable`], [`Error::Handshake`], [`Error::Redirect`],
    /// [`Error::HandshakeTimeout`], and [`Error::NoTimer`] where a runtime can be without one.
    ///
    /// # Cancel safety
    /// A dropped connect drops the connection.
    pub async fn connect<Q>(
        &self,
        request: Q,
    ) -> Result<(WebSocket<Opened<R, D>>, Response<()>), Error>
    where
        D: Dial,
        R: Runtime<D::Stream>,
        Q: TryInto<ClientRequest>,
        RequestError: From<Q::Error>,
    {
        let mut request = request.try_into().map_err(RequestError::from)?;
        let _turn = match &self.turns {
            Some(turns) => Some(turns.turn().await),
            None => None,
        };
        #[cfg(feature = "tracing")]
        let span = tracing::debug_span!(
            target: TARGET,
            "connect",
            host = request.host(),
            port = request.port(),
            secure = request.is_secure(),
        );
        let limit = self.client.settings().get_handshake_timeout();
        let now = || <R as Net>::Timer::default().now();
        let begun = now();
        let left = || limit.saturating_sub(now().saturating_duration_since(begun));
        let stage = Stage::default();
        let connecting = async {
            let mut followed = 0;
            loop {
                let dialling = self.dialer.dial_in_stages(&request, &stage);
                let stream = match within(<R as Net>::Timer::default(), left(), dialling).await {
                    Err(Error::HandshakeTimeout) if stage.is_proxy() => {
                        return Err(ProxyError::Timeout.into());
                    }
                    dialled => dialled??,
                };
                step("opening handshake", request.host(), request.port());
                let wants_body =
                    |refusal: &Refusal| self.redirects == 0 || location(refusal).is_none();
                // It keeps the time itself: a refusal whose body is not whole by then is told.
                let opening = self
                    .client
                    .shake_hands(stream, request.clone(), left(), wants_body);
                match opening.await {
                    Ok(opened) => return Ok(opened),
                    Err(error) => request = follow(&request, error, followed, self.redirects)?,
                }
                step("redirected", request.host(), request.port());
                followed += 1;
            }
        };
        #[cfg(feature = "tracing")]
        let connecting = tracing::Instrument::instrument(connecting, span);
        // Boxed: whoever lives with the connection afterwards would carry all this state for as long.
        let connected = Box::pin(connecting).await;
        connected.inspect_err(|error| self.client.telemetry().refused(Role::Client, error))
    }
}

impl<R: Net + Runtime<D::Stream>, D: Dial + Clone> Connector<R, D> {
    /// A client that connects with these settings, and again whenever the connection is lost.
    #[must_use]
    pub fn reconnect(
        self,
        request: ClientRequest,
    ) -> Reconnect<impl Open<Transport = Opened<R, D>>, <R as Net>::Timer> {
        Reconnect::new(<R as Net>::Timer::default(), move || {
            let (connector, request) = (self.clone(), request.clone());
            async move { Ok(connector.connect(request).await?.0) }
        })
    }
}

/// The transport of a stream that `D` supplies.
type Opened<R, D> = <R as Runtime<<D as Dial>::Stream>>::Transport;

impl<R, D: Clone> Clone for Connector<R, D> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            dialer: self.dialer.clone(),
            redirects: self.redirects,
            turns: self.turns.clone(),
        }
    }
}

impl<R: Net> Default for Connector<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, D: fmt::Debug> fmt::Debug for Connector<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("client", &self.client)
            .field("dialer", &self.dialer)
            .field("redirects", &self.redirects)
            .field("turns", &self.turns)
            .finish()
    }
}
