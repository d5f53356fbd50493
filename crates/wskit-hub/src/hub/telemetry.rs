//! Events of `tracing`, target `wskit`. They compile to nothing without the feature of that name.

#[cfg(feature = "tracing")]
use crate::engine::EngineEvent;
#[cfg(feature = "tracing")]
use crate::stats::Stats;

#[cfg(feature = "tracing")]
const TARGET: &str = "wskit";

/// Reports what is new in the counts of a shard after a turn: nothing in most turns.
#[cfg(feature = "tracing")]
#[inline]
pub(super) fn turned(before: &Stats, after: &Stats) {
    if (before.unsubscribed, before.disconnected, before.panicked)
        != (after.unsubscribed, after.disconnected, after.panicked)
    {
        turned_badly(before, after);
    }
}

#[cfg(feature = "tracing")]
#[cold]
fn turned_badly(before: &Stats, after: &Stats) {
    let unsubscribed = after.unsubscribed - before.unsubscribed;
    let disconnected = after.disconnected - before.disconnected;
    if unsubscribed + disconnected > 0 {
        tracing::debug!(target: TARGET, unsubscribed, disconnected, "subscribers were too slow");
    }
    let connections = after.panicked - before.panicked;
    if connections > 0 {
        tracing::error!(target: TARGET, connections, "a wire panicked");
    }
}

/// The rules have panicked.
#[cold]
pub(super) fn rules_panicked() {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, "the rules panicked");
}

/// Histories were forgotten, because memory ran out.
#[cold]
#[allow(unused_variables, reason = "the feature `tracing` uses them")]
pub(super) fn forgot(bytes: usize, limit: usize) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, bytes, limit, "histories were forgotten: the memory limit is reached");
}

/// The hub has closed the connections of about this number of peers.
#[cold]
#[allow(unused_variables, reason = "the feature `tracing` uses them")]
pub(super) fn closed(peers: u32) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, peers, "hub closed");
}

/// The engine reports something.
#[cfg(feature = "tracing")]
pub(super) fn engine(event: &EngineEvent) {
    match event {
        EngineEvent::Down => tracing::warn!(target: TARGET, "engine unreachable"),
        EngineEvent::Up => tracing::info!(target: TARGET, "engine reachable"),
        EngineEvent::Lost => tracing::info!(target: TARGET, "engine may have lost messages"),
        EngineEvent::NodeGone { node } => {
            tracing::info!(target: TARGET, node = node.0, "another hub is gone");
        }
        EngineEvent::Done {
            result: Err(error), ..
        } => tracing::debug!(target: TARGET, %error, "request of the engine failed"),
        _ => {}
    }
}
