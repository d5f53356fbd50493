use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Response;
use wskit_driver::{Client, Runtime, SocketOptions, Timer, Transport, WebSocket};
use wskit_handshake::{ClientRequest, HeadLimits, Refusal, RequestError};
use wskit_proto::Config;
#[cfg(feature = "deflate")]
use wskit_proto::deflate;

use crate::connect_error::Server;
use crate::dial::Dial;
use crate::dial_error::DialError;
use crate::dialer::Dialer;
use crate::net::Net;
use crate::proxy::Proxy;
use crate::reconnect::Reconnect;
use crate::redirect::Redirects;
use crate::semaphore::{Semaphore, Turns};
#[cfg(feature = "tracing")]
use crate::telemetry::TARGET;
use crate::telemetry::step;
#[cfg(feature = "rustls")]
use crate::tls;
use crate::tls_layer::TlsDialer;

/// Connects to URLs: the settings of a client, for one connection or many. Cheap to clone.
#[must_use]
pub struct Connector<R, D = Dialer<R>> {
    client: Client<R>,
    dialer: D,
    redirects: Option<Redirects>,
    turns: Option<Arc<dyn Turns>>,
}

impl<R: Net> Connector<R> {
    /// Makes a connector with the default settings: `TCP_NODELAY`, no proxy, no redirects, and TLS as
    /// `tls::Connector::new` sets it up.
    pub fn new() -> Self {
        Self {
            client: Client::new(),
            dialer: Dialer::new(),
            redirects: None,
            turns: None,
        }
    }

    /// Sets the TLS settings for `wss://`.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, connector: tls::Connector<R>) -> Self {
        self.dialer = self.dialer.tls(connector);
        self
    }

    /// Uses another TLS library for `wss://`. It is not used for `https://` proxies, and `ws://` is
    /// refused.
    pub fn tls_layer<L>(self, layer: L) -> Connector<R, TlsDialer<R, L>> {
        Connector {
            client: self.client,
            dialer: TlsDialer::new(self.dialer, layer),
            redirects: self.redirects,
            turns: self.turns,
        }
    }

    /// Sets the proxies to use: one ([`Proxy::new`]) or those of the environment
    /// ([`Proxy::from_env`]). Default: none.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dialer = self.dialer.proxy(proxy);
        self
    }

    /// Sets the local address to connect from. Addresses of the other family are not tried then.
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.dialer = self.dialer.local_address(address);
        self
    }

    /// Sets how much the operating system buffers for the connections.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.dialer = self.dialer.socket_options(options);
        self
    }
}

impl<R: Net, D> Connector<R, D> {
    /// Sets the limits, deadlines and behaviour of the connection.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.client = self.client.config(config);
        self
    }

    /// Sets the limits of the server's response head.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.client = self.client.head_limits(limits);
        self
    }

    /// Offers permessage-deflate; the server may decline.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.client = self.client.deflate(config);
        self
    }

    /// Sets the observer of the connections, and of those that could not be opened.
    #[cfg(feature = "metrics")]
    pub fn observer(mut self, observer: Arc<dyn wskit_driver::Observer>) -> Self {
        self.client = self.client.observer(observer);
        self
    }

    /// Sets how many redirects (301, 302, 303, 307, 308) are followed, within the same deadline.
    /// Default 0: a redirect is a refusal, which holds its `Location`.
    ///
    /// Another scheme, host or port gets none of the headers and sub-protocols of the request, and a
    /// redirect from `wss://` to `ws://` is an error: see [`ClientRequest::redirected_to`]. The body of a
    /// redirect is not waited for.
    pub fn redirects(mut self, limit: usize) -> Self {
        self.redirects = (limit > 0).then(|| Redirects::new(limit));
        self
    }

    /// Sets how many connections are opened at the same time, at least one. The others wait in the order
    /// in which they were started, and the deadline of each begins after its wait. Clones of the
    /// connector share the limit. Default: no limit.
    ///
    /// RFC 6455 §4.1 asks for at most one connection being opened to an address: a limit of 1. It allows a
    /// reasonable number where a proxy hides the address: use a higher limit there.
    pub fn max_concurrent(mut self, limit: usize) -> Self {
        self.turns = Some(Arc::new(Semaphore::new(limit)));
        self
    }

    /// Replaces the dialler, which supplies the streams. Settings of TLS, proxies, the local address
    /// and the sockets belong to the old dialler and are lost.
    pub fn dial_by<E>(self, dialer: E) -> Connector<R, E> {
        Connector {
            client: self.client,
            dialer,
            redirects: self.redirects,
            turns: self.turns,
        }
    }

    /// Connects: name lookup, TCP, the proxy, TLS for `wss://` (before anything else is sent), the
    /// opening handshake and redirects, all within `Config::handshake_timeout`. Returns the server's
    /// response too.
    ///
    /// A request is a URL (`&str`, `http::Uri`), an `http::Request<()>`, or a [`ClientRequest`] with
    /// headers, sub-protocols and credentials.
    ///
    /// # Errors
    /// [`DialError::Request`], [`DialError::TlsUnavailable`] and `DialError::TlsConfig` before anything is
    /// dialled; [`DialError::Connect`], which names the server and the stage; [`DialError::Redirect`] where
    /// redirects are followed; [`DialError::NoTimer`] where a runtime can be without one.
    ///
    /// # Cancel safety
    /// A dropped connect drops the connection.
    pub async fn connect<Q>(
        &self,
        request: Q,
    ) -> Result<(WebSocket<Opened<R, D>>, Response<()>), DialError>
    where
        D: Dial,
        R: Runtime<D::Stream>,
        Q: TryInto<ClientRequest>,
        RequestError: From<Q::Error>,
    {
        let mut request = request.try_into().map_err(RequestError::from)?;
        let _turn = match &self.turns {
            Some(turns) => Some(turns.wait().await),
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
        let connecting = async {
            let mut followed = 0;
            loop {
                let server = Server::of(&request);
                let timer = <R as Net>::Timer::default();
                let dialled = self.dialer.dial_within(&request, timer, left()).await;
                let stream = dialled.map_err(|error| error.of_attempt(&server, limit))?;
                step("opening handshake", request.host(), request.port());
                let wants_body = |refusal: &Refusal| {
                    let redirects = self.redirects.as_ref();
                    !redirects.is_some_and(|redirects| redirects.is_redirect(refusal))
                };
                // It keeps the time itself, to report a refusal whose body is not complete by then.
                let redirects = self.redirects.as_ref();
                let asked = redirects.map(|redirects| (redirects.copy)(&request));
                let opening = self
                    .client
                    .handshake_within(stream, request, left(), wants_body);
                match opening.await {
                    Ok(opened) => return Ok(opened),
                    Err(error) => {
                        let next = match (redirects, &asked) {
                            (Some(redirects), Some(asked)) => {
                                redirects.follow(asked, error, followed)
                            }
                            _ => Err(error.into()),
                        };
                        request = next.map_err(|error| error.of_attempt(&server, limit))?;
                    }
                }
                step("redirected", request.host(), request.port());
                followed += 1;
            }
        };
        #[cfg(feature = "tracing")]
        let connecting = tracing::Instrument::instrument(connecting, span);
        // Boxed: the caller's future would otherwise keep room for all this state.
        let connected = Box::pin(connecting).await;
        connected.inspect_err(|error: &DialError| {
            let is_refused = error.refusal().is_some();
            self.client.attempt_failed(error, is_refused);
        })
    }
}

impl<R, D> Connector<R, D>
where
    R: Net + Runtime<D::Stream, Transport: Transport<Timer: Send> + Send + 'static>,
    D: Dial + Clone + 'static,
{
    /// Makes a client that connects with these settings, and again whenever the connection is lost.
    #[must_use]
    pub fn reconnect(self, request: ClientRequest) -> Reconnect<R, D::Stream> {
        Reconnect::new(move || {
            let (connector, request) = (self.clone(), request.clone());
            async move { Ok(connector.connect(request).await?.0) }
        })
    }
}

/// The transport over a stream that `D` supplies.
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
            .field("redirects", &self.redirects.map_or(0, |own| own.limit))
            .field("turns", &self.turns)
            .finish()
    }
}
