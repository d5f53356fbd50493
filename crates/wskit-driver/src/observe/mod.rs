//! What observers and `tracing` are told of a connection.

#[cfg(feature = "metrics")]
mod observer;
mod peer_name;
mod telemetry;

#[cfg(feature = "metrics")]
pub use observer::{Ended, Observed, Observer};
pub(crate) use peer_name::PeerName;
#[cfg(feature = "socket2")]
pub(crate) use telemetry::option_refused;
pub(crate) use telemetry::{Telemetry, TelemetryConfig, rejected, serving_failed};
