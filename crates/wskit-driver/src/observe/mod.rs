//! What observers and `tracing` are told of a connection.

#[cfg(feature = "metrics")]
mod observer;
mod telemetry;

#[cfg(feature = "metrics")]
pub use observer::{Ended, Observed, Observer};
#[cfg(feature = "socket2")]
pub(crate) use telemetry::option_refused;
pub(crate) use telemetry::{Telemetry, TelemetryConfig, rejected};
