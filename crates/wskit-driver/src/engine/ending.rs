//! How failures and the end of the connection are returned to the owner.

use std::io;
use std::task::Context;

use wskit_proto::{SendError, State};

use super::Engine;
use super::receive::Next;
use super::turn::poll_end_transport;
use crate::error::ConnectionError;
use crate::link::Link;
use crate::transport::Timer;

impl<C: Timer> Engine<C> {
    /// Returns the error for a caller that wants to send on a connection that has ended.
    pub(crate) fn closed_error<L: Link>(&mut self, link: &mut L) -> Option<ConnectionError> {
        if link.state() != State::Closed {
            return Some(SendError::Closed.into());
        }
        match self.finish(link) {
            Err(error) => Some(error),
            Ok(_) => {
                let clean = link
                    .with_outbound(|outbox| outbox.outcome())
                    .is_some_and(|outcome| outcome.is_clean());
                (!clean).then(|| SendError::Closed.into())
            }
        }
    }

    /// Handles a write that failed for a caller that sends. Returns the error for it, if anything is
    /// lost. A peer that has gone may have sent the reason before, so the connection is read first.
    #[cold]
    pub(super) fn sending_failed<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        error: io::Error,
        link: &mut L,
    ) -> Option<ConnectionError> {
        self.input.wait();
        self.poll_read_ahead(cx, link);
        if !link.with_outbound(|outbox| outbox.write_failed(error.kind())) {
            return None;
        }
        if link.state() == State::Closed {
            self.fail(error);
            return Some(
                self.closed_error(link)
                    .unwrap_or_else(|| SendError::Closed.into()),
            );
        }
        poll_end_transport(cx, link);
        // What the peer has sent is still received; the end of it does not report this again.
        self.failure_reported = true;
        Some(error.into())
    }

    /// Handles a write that failed. It ends only the sending: what the peer has sent is still read.
    #[cold]
    pub(crate) fn write_error<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        error: io::Error,
        link: &mut L,
    ) {
        if link.with_outbound(|outbox| outbox.write_failed(error.kind())) {
            self.fail(error);
            poll_end_transport(cx, link);
        }
    }

    /// Keeps the first failure of the transport for its owner.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.failure.get_or_insert_with(|| Box::new(error));
    }

    /// Ends the connection for the owner: an error if it did not end cleanly, the first time.
    #[cold]
    pub(super) fn finish<L: Link>(&mut self, link: &mut L) -> Next {
        self.inbound.stop();
        if core::mem::replace(&mut self.end_reported, true) {
            return Ok(None);
        }
        let Some(outcome) = link.with_outbound(|outbox| outbox.outcome()) else {
            return Ok(None);
        };
        if let Some(member) = &mut *self.member {
            member.ended(Some(&outcome));
        }
        self.telemetry.ended(Some(&outcome), &self.timer);
        if self.failure_reported {
            return Ok(None);
        }
        match (ConnectionError::of_outcome(&outcome), self.failure.take()) {
            (None, _) => Ok(None),
            (Some(ConnectionError::Io(_)), Some(failure)) => Err(ConnectionError::Io(*failure)),
            (Some(error), _) => Err(error),
        }
    }
}
