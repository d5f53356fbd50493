use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use wskit_proto::{Counters, Metrics, Outcome, Role};

/// Receives the events of many connections in one place, for metrics.
///
/// Set by `Connector::observer` of `wskit-dial`, [`Client::observer`](crate::Client::observer),
/// [`Server::observer`](crate::Server::observer) or [`WebSocket::observer`](crate::WebSocket::observer). It
/// is called rarely, never per message, in the task of the connection: it should be quick and must not
/// panic. The numbers of an open connection are in its [`Counters`].
pub trait Observer: Send + Sync {
    /// A connection is open.
    fn opened(&self, connection: &Observed<'_>) {
        let _ = connection;
    }

    /// A connection was not opened. From a server and from [`Client`](crate::Client) the error is an
    /// [`OpenError`](crate::OpenError), from a `Connector` it is a `DialError`, which names the server and how
    /// far the attempt had come; `downcast_ref` tells which.
    fn refused(&self, role: Role, error: &(dyn Error + 'static)) {
        let _ = (role, error);
    }

    /// A keepalive ping was answered.
    fn round_trip(&self, connection: &Observed<'_>, time: Duration) {
        let _ = (connection, time);
    }

    /// A connection has ended. Called once for each that was opened.
    fn ended(&self, connection: &Observed<'_>, end: &Ended<'_>) {
        let _ = (connection, end);
    }
}

/// The connection that an observer is told of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observed<'a> {
    /// The number of the connection, from 1, unique in this process. The events of `tracing` have it as `id`.
    pub id: u64,
    /// The role of this end.
    pub role: Role,
    /// Its counters. Keep a clone to read it while the connection runs.
    pub counters: &'a Arc<Counters>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// The outcome; `None` when it was dropped before it had one.
    pub outcome: Option<&'a Outcome>,
    /// How long it was open.
    pub lasted: Duration,
    /// The final counts.
    pub metrics: Metrics,
}
