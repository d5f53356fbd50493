use std::fmt;

use wskit_proto::{Cause, Outcome};

/// How the connections ended that were open when the shutdown was requested or joined later, from
/// [`Shutdown::finish`](crate::Shutdown::finish).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that ended with a Close from both sides (RFC 6455 §7.1.4).
    pub clean: usize,
    /// Connections whose peer went away or broke a rule, or whose transport failed.
    pub failed: usize,
    /// Connections that did not end before `Config::close_timeout` or the limit of the shutdown.
    pub timed_out: usize,
    /// Connections dropped here before their end. The peer may have received the Close or not.
    pub dropped: usize,
}

impl Report {
    /// Returns the number of all connections.
    pub const fn total(&self) -> usize {
        self.clean + self.failed + self.timed_out + self.dropped
    }

    pub(super) fn count(&mut self, outcome: Option<&Outcome>) {
        match outcome.map(|outcome| &outcome.cause) {
            Some(Cause::Closed) => self.clean += 1,
            Some(Cause::Timeout(_)) => self.timed_out += 1,
            Some(_) => self.failed += 1,
            None => self.dropped += 1,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clean,
            failed,
            timed_out,
            dropped,
        } = self;
        write!(
            f,
            "{clean} closed cleanly, {failed} failed, {timed_out} did not close in time, {dropped} were dropped"
        )
    }
}
