//! Events of `tracing`, target `wskit`. They compile to nothing without the feature of that name.

use crate::fault::Fault;

#[cfg(feature = "tracing")]
const TARGET: &str = "wskit";

/// The connections are lost.
#[cold]
pub(crate) fn lost(fault: &Fault) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, %fault, "the connection to Redis is lost");
    #[cfg(not(feature = "tracing"))]
    let _ = fault;
}

/// Connecting again has failed.
#[cold]
pub(crate) fn still_away(fault: &Fault) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, %fault, "Redis cannot be reached yet");
    #[cfg(not(feature = "tracing"))]
    let _ = fault;
}

/// There are connections.
#[cold]
pub(crate) fn connected(servers: usize) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, servers, "connected to Redis");
    #[cfg(not(feature = "tracing"))]
    let _ = servers;
}

/// Something of another program's, or of another version, was published on a channel of the hub's.
#[cold]
pub(crate) fn foreign(len: usize) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, len, "a message on a channel of the hub's was not understood");
    #[cfg(not(feature = "tracing"))]
    let _ = len;
}
