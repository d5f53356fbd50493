//! Events of `tracing` while a connection is opened. Compiles to nothing without the feature.

/// The target of every event and span.
#[cfg(feature = "tracing")]
pub(crate) const TARGET: &str = "wskit";

/// Records a step of a connection that is being opened.
#[inline(always)]
pub(crate) fn step(what: &'static str, host: &str, port: u16) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, host, port, "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, host, port);
}
