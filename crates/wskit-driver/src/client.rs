mod via_http;

pub use via_http::RequestViaHttp;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, Refusal, RequestError};
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{Config, Role};

use crate::error::OpenError;
use crate::handshake::ask;
use crate::keys::nonce;
use crate::observe::PeerName;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::websocket::WebSocket;

/// Performs opening handshakes as a client: the settings, for one connection or many.
///
/// [`handshake`](Client::handshake) works on any stream; the crate `wskit-dial` opens streams.
#[must_use]
pub struct Client<R> {
    settings: Settings,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Client<R> {
    /// Makes a client with the default settings.
    pub fn new() -> Self {
        Self {
            settings: Settings::default(),
            runtime: PhantomData,
        }
    }

    /// Sets the limits, deadlines and behaviour of the connection.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.settings.config = config.into();
        self
    }

    /// Sets the limits of the server's response head.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Offers permessage-deflate (RFC 7692). The server may decline; then nothing is compressed.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.settings.extensions.set_deflate(config);
        self
    }

    /// Sets the observer of the connections.
    #[cfg(feature = "metrics")]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        self.settings.telemetry.observer = Some(observer);
        self
    }

    /// Returns the settings of the connections.
    pub fn settings(&self) -> &Arc<Config> {
        &self.settings.config
    }

    /// Performs the opening handshake on a stream that is connected (and inside TLS, for `wss`), in
    /// at most `Config::handshake_timeout`. Nothing is sent before the answer has been read
    /// (RFC 6455 §4.1).
    ///
    /// A refusal is returned half a second after its head at the latest, with the part of its body that
    /// has arrived: a body may never end.
    ///
    /// # Errors
    /// [`OpenError::Handshake`] when the server refuses, breaks the rules or does not speak HTTP,
    /// [`OpenError::Timeout`], [`OpenError::Io`].
    ///
    /// # Cancel safety
    /// A dropped handshake drops the stream.
    pub async fn handshake<S, Q>(
        &self,
        stream: S,
        request: Q,
    ) -> Result<(WebSocket<R::Transport>, Response<()>), OpenError>
    where
        R: Runtime<S>,
        S: 'static,
        Q: TryInto<ClientRequest>,
        RequestError: From<Q::Error>,
    {
        let request = request.try_into().map_err(RequestError::from)?;
        let limit = self.settings.config.get_handshake_timeout();
        let opened = self
            .handshake_within(stream, request, limit, |_| true)
            .await;
        opened.inspect_err(|error| self.attempt_failed(error, error.refusal().is_some()))
    }

    /// Performs the opening handshake within `limit` instead of `Config::handshake_timeout`, as part of a
    /// longer attempt: for crates that dial. A failure is not told to the observer; see
    /// [`attempt_failed`](Client::attempt_failed). `wants_body` says whether the body of a refusal is
    /// worth waiting for.
    ///
    /// # Errors
    /// Those of [`handshake`](Client::handshake).
    ///
    /// # Cancel safety
    /// A dropped handshake drops the stream.
    pub async fn handshake_within<S>(
        &self,
        stream: S,
        request: ClientRequest,
        limit: Duration,
        wants_body: impl Fn(&Refusal) -> bool,
    ) -> Result<(WebSocket<R::Transport>, Response<()>), OpenError>
    where
        R: Runtime<S>,
        S: 'static,
    {
        let request = self.settings.extensions.offer(request)?;
        let mut io = R::wrap(stream);
        let peer = PeerName::of_server(&request);
        let mut handshake = ClientHandshake::new(request, nonce()?, self.settings.limits);
        let accepted = ask(&mut io, &mut handshake, limit, wants_body).await?;
        let agreed = self.settings.extensions.confirm(&accepted.extensions)?;
        let (leftover, protocol) = (accepted.leftover, accepted.protocol);
        let ws = self
            .settings
            .open(Role::Client, io, leftover, protocol, agreed, &peer);
        Ok((ws, accepted.response))
    }

    /// Tells the observer, and `tracing`, that an attempt to connect with these settings has failed.
    /// `is_refused` says that the server answered the opening handshake with a status other than 101.
    pub fn attempt_failed(&self, error: &(dyn std::error::Error + 'static), is_refused: bool) {
        self.settings.telemetry.connect_failed(error, is_refused);
    }
}

impl<R> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            runtime: PhantomData,
        }
    }
}

impl<R> Default for Client<R> {
    fn default() -> Self {
        Self::new()
    }
}

debug! { [R] Client<R>, this => config: this.settings.config }
