//! What observers and `tracing` are told. Compiles to nothing without these features.

use std::borrow::Cow;
#[cfg(feature = "metrics")]
use std::sync::Arc;
#[cfg(any(feature = "metrics", feature = "tracing"))]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(any(feature = "metrics", feature = "tracing"))]
use std::time::Instant;

use wskit_proto::{Inbound, Outcome, Role};

#[cfg(feature = "metrics")]
use super::observer::{Ended, Observed, Observer};
#[cfg(feature = "tracing")]
use crate::error::OpenError;
use crate::transport::Timer;

/// The observer, if there is one; part of the settings.
#[derive(Clone, Default)]
pub(crate) struct TelemetryConfig {
    #[cfg(feature = "metrics")]
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

#[allow(
    unused_variables,
    clippy::unused_self,
    reason = "there is something to do only with the features `metrics` and `tracing`"
)]
impl TelemetryConfig {
    /// Reports that a client has opened no connection. `is_refused`: by the answer of the server.
    #[cold]
    pub(crate) fn connect_failed(
        &self,
        error: &(dyn std::error::Error + 'static),
        is_refused: bool,
    ) {
        #[cfg(feature = "tracing")]
        {
            let what = if is_refused {
                "handshake refused"
            } else {
                "connecting failed"
            };
            tracing::info!(target: TARGET, role = ?Role::Client, %error, "{what}");
        }
        self.not_opened(Role::Client, error);
    }

    /// Reports that a server has opened no connection.
    #[cold]
    pub(crate) fn accept_failed(&self, error: &(dyn std::error::Error + 'static)) {
        #[cfg(feature = "tracing")]
        {
            use wskit_handshake::HandshakeError;

            let what = match error.downcast_ref::<OpenError>() {
                Some(OpenError::Handshake(HandshakeError::UnexpectedEof { .. })) => {
                    "handshake failed"
                }
                Some(OpenError::Handshake(_) | OpenError::OriginRefused) => "handshake refused",
                _ => "handshake failed",
            };
            tracing::info!(target: TARGET, role = ?Role::Server, %error, "{what}");
        }
        self.not_opened(Role::Server, error);
    }

    fn not_opened(&self, role: Role, error: &(dyn std::error::Error + 'static)) {
        #[cfg(feature = "metrics")]
        if let Some(observer) = &self.observer {
            observer.refused(role, error);
        }
    }
}

impl std::fmt::Debug for TelemetryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TelemetryConfig")
    }
}

/// Reports on one connection.
pub(crate) struct Telemetry<C> {
    #[cfg(feature = "metrics")]
    config: TelemetryConfig,
    #[cfg(feature = "metrics")]
    counters: Arc<wskit_proto::Counters>,
    #[cfg(feature = "metrics")]
    round_trips: u64,
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    open: Option<(Role, Instant)>,
    /// The number of the connection; 0 before it was reported as open.
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    id: u64,
    /// Reads the clock when the connection is dropped.
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    now: fn(&C) -> Instant,
    #[cfg(not(any(feature = "metrics", feature = "tracing")))]
    clock: std::marker::PhantomData<fn() -> C>,
}

#[allow(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "there is something to do only with the features `metrics` and `tracing`"
)]
impl<C: Timer> Telemetry<C> {
    pub(crate) fn new(inbound: &Inbound) -> Self {
        Self {
            #[cfg(feature = "metrics")]
            config: TelemetryConfig::default(),
            #[cfg(feature = "metrics")]
            counters: inbound.counters().clone(),
            #[cfg(feature = "metrics")]
            round_trips: 0,
            #[cfg(any(feature = "metrics", feature = "tracing"))]
            open: None,
            #[cfg(any(feature = "metrics", feature = "tracing"))]
            id: 0,
            #[cfg(any(feature = "metrics", feature = "tracing"))]
            now: C::now,
            #[cfg(not(any(feature = "metrics", feature = "tracing")))]
            clock: std::marker::PhantomData,
        }
    }

    /// Reports that the connection is open.
    pub(crate) fn opened<'a>(
        &mut self,
        telemetry: &TelemetryConfig,
        peer: impl Fn() -> Option<Cow<'a, str>>,
        role: Role,
        protocol: Option<&str>,
        compressed: bool,
        timer: &C,
    ) {
        #[cfg(any(feature = "metrics", feature = "tracing"))]
        {
            self.open = Some((role, timer.now()));
            if self.id == 0 {
                self.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
            }
        }
        #[cfg(feature = "tracing")]
        tracing::debug!(
            target: TARGET,
            id = self.id,
            peer = peer().as_deref(),
            ?role,
            protocol,
            compressed,
            "connection opened"
        );
        #[cfg(feature = "metrics")]
        {
            self.config = telemetry.clone();
            self.tell(role, |observer, connection| observer.opened(connection));
        }
    }

    /// Reports a new round trip, if there is one. Called when there is nothing more to parse.
    #[inline(always)]
    pub(crate) fn look(&mut self) {
        #[cfg(feature = "metrics")]
        if self.config.observer.is_some() {
            let metrics = self.counters.read();
            if let (true, Some(time), Some((role, _))) = (
                metrics.round_trips != self.round_trips,
                metrics.round_trip,
                self.open,
            ) {
                self.round_trips = metrics.round_trips;
                self.tell(role, |observer, connection| {
                    observer.round_trip(connection, time);
                });
            }
        }
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn counters(&self) -> &Arc<wskit_proto::Counters> {
        &self.counters
    }
}

#[allow(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "there is something to do only with the features `metrics` and `tracing`"
)]
impl<C> Telemetry<C> {
    /// Reports the end of the connection, once.
    #[cold]
    pub(crate) fn ended(&mut self, outcome: Option<&Outcome>, timer: &C) {
        #[cfg(any(feature = "metrics", feature = "tracing"))]
        if let Some((role, since)) = self.open.take() {
            let lasted = (self.now)(timer).saturating_duration_since(since);
            #[cfg(feature = "tracing")]
            self.trace_end(role, outcome, lasted);
            #[cfg(feature = "metrics")]
            {
                let metrics = self.counters.read();
                let end = Ended {
                    outcome,
                    lasted,
                    metrics,
                };
                self.tell(role, |observer, connection| {
                    observer.ended(connection, &end);
                });
            }
        }
    }

    #[cfg(feature = "metrics")]
    fn tell(&self, role: Role, tell: impl FnOnce(&dyn Observer, &Observed<'_>)) {
        if let Some(observer) = &self.config.observer {
            let (id, counters) = (self.id, &self.counters);
            tell(&**observer, &Observed { id, role, counters });
        }
    }

    /// The reason in a Close is left out, because the peer may write anything there.
    #[cfg(feature = "tracing")]
    fn trace_end(&self, role: Role, outcome: Option<&Outcome>, lasted: std::time::Duration) {
        use wskit_proto::Cause;

        let id = self.id;
        #[cfg(feature = "metrics")]
        {
            let metrics = self.counters.read();
            let (received, sent) = (metrics.received, metrics.sent);
            tracing::debug!(
                target: TARGET,
                id,
                ?role,
                messages_in = received.messages,
                messages_out = sent.messages,
                bytes_in = received.wire_bytes,
                bytes_out = sent.wire_bytes,
                "connection totals"
            );
        }
        let Some(outcome) = outcome else {
            tracing::debug!(target: TARGET, id, ?role, ?lasted, "connection dropped");
            return;
        };
        let code = outcome.code().get();
        match &outcome.cause {
            Cause::Closed => {
                let initiator = outcome.initiator;
                tracing::debug!(target: TARGET, id, ?role, code, ?initiator, ?lasted, "connection closed");
            }
            Cause::Protocol(error) => {
                tracing::warn!(target: TARGET, id, ?role, %error, ?lasted, "protocol error");
            }
            Cause::Timeout(kind) => {
                tracing::info!(target: TARGET, id, ?role, timeout = %kind, ?lasted, "connection timed out");
            }
            cause => {
                tracing::info!(target: TARGET, id, ?role, code, ?cause, ?lasted, "connection lost");
            }
        }
    }
}

/// The number of the next connection.
#[cfg(any(feature = "metrics", feature = "tracing"))]
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Reports that the application refused a request.
#[inline(always)]
pub(crate) fn rejected(status: http::StatusCode) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, role = ?Role::Server, %status, "handshake refused by the application");
    #[cfg(not(feature = "tracing"))]
    let _ = status;
}

/// Reports that the operating system has refused a socket option.
#[cfg(feature = "socket2")]
pub(crate) fn option_refused(option: &'static str, error: &std::io::Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, option, %error, "socket option refused");
    #[cfg(not(feature = "tracing"))]
    let _ = (option, error);
}

/// Reports an error of the listener or of a handler.
#[cold]
pub(crate) fn serving_failed(error: &dyn std::fmt::Display, is_disconnect: bool) {
    #[cfg(feature = "tracing")]
    if is_disconnect {
        tracing::debug!(target: TARGET, role = ?Role::Server, %error, "peer gone");
    } else {
        tracing::warn!(target: TARGET, role = ?Role::Server, %error, "serving failed");
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (error, is_disconnect);
}

/// The target of all `tracing` events.
#[cfg(feature = "tracing")]
pub(crate) const TARGET: &str = "wskit";
