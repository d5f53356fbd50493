//! What observers and `tracing` are told of a connection.

#[cfg(feature = "metrics")]
mod observer;
mod telemetry;

#[cfg(feature = "metrics")]
pub use observer::{Ended, Observed, Observer};
pub(crate) use telemetry::{Telemetry, TelemetryConfig, rejected, serving_failed};
