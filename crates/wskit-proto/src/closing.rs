use std::io;

use wskit_frame::CloseCode;

use crate::error::ProtocolError;
use crate::event::CloseFrame;
use crate::outcome::{Cause, Initiator, Outcome, TimeoutKind};
use crate::role::Role;

/// The state of a connection (RFC 6455 §7.1.3).
///
/// ```text
///          close() ┌──────────────┐ peer's Close
///        ┌────────▶│   Closing    │────────┐
/// ┌──────┴──┐      └──────────────┘        ▼
/// │  Open   │ peer's Close (answered) ┌─────────┐  written, transport ended
/// │         │────────────────────────▶│ Closing │──────────────▶ Closed
/// └──────┬──┘                         └─────────┘
///        └── error, timeout, end of stream: Closing with a Close of ours on its way, or Closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// A Close was queued, sent or received, or the connection failed. No message may be sent.
    Closing,
    /// The connection is over; [`Outcome`] says how.
    Closed,
}

/// What the owner of the transport has to do to end it (RFC 6455 §7.1.1). A server shuts down and is
/// done; a client drains, then shuts down; after a failure either end shuts down, then drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Nothing: go on reading and writing.
    NotYet,
    /// Everything is written: shut the write side down, then report it with `transport_shut_down`.
    ShutDown,
    /// Read and discard until the end of the stream or the deadline. A client lets the server close
    /// first, and an early close would reset the connection and destroy our Close on its way.
    Drain,
    /// Drop the transport.
    Done,
}

/// What is known about the end of a connection. It does not exist while the connection is open.
#[derive(Debug, Default)]
#[allow(
    clippy::option_option,
    reason = "whether a Close went, and whether it had a code: as in `Outcome`"
)]
pub(crate) struct Closing {
    sent: Option<Option<CloseCode>>,
    received: Option<Option<CloseFrame>>,
    initiator: Option<Initiator>,
    /// What ended the connection if not two Closes. The first cause stays.
    failed: Option<Cause>,
    /// Whether a write has failed. Bytes that the peer had sent before are still received.
    write_failed: bool,
    /// Bytes that were queued and can no longer be sent.
    pub(crate) lost: u64,
    /// Whether the peer's Close, or the end of its stream, came inside a message.
    mid_message: bool,
    shut_down: bool,
    /// Whether the peer's stream has ended.
    ended: bool,
    over: bool,
}

impl Closing {
    pub(crate) fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    pub(crate) fn is_received(&self) -> bool {
        self.received.is_some()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn has_write_failed(&self) -> bool {
        self.write_failed
    }

    pub(crate) fn owes_shutdown(&self) -> bool {
        self.write_failed && !self.shut_down && !self.over
    }

    pub(crate) fn send(&mut self, code: Option<CloseCode>) {
        self.sent = Some(code);
        self.initiator.get_or_insert(Initiator::Local);
    }

    pub(crate) fn receive(&mut self, close: Option<CloseFrame>, mid_message: bool) {
        self.initiator.get_or_insert(Initiator::Peer);
        if self.received.is_none() {
            self.received = Some(close);
            self.mid_message = mid_message;
        }
        // The Close cannot be answered any more.
        self.over |= self.write_failed;
    }

    pub(crate) fn fail(&mut self, error: ProtocolError) {
        self.failed.get_or_insert(Cause::Protocol(error));
    }

    pub(crate) fn time_out(&mut self, kind: TimeoutKind, all_written: bool) {
        // If both Closes are through, only TCP was slow to end, and the ending stays clean.
        if !(self.is_exchanged() && all_written) {
            self.failed.get_or_insert(Cause::Timeout(kind));
        }
        self.over = true;
    }

    pub(crate) fn end_of_stream(&mut self, mid_message: bool) {
        self.ended = true;
        // After the peer's Close, our answer is still to be sent and our end of the stream to be shut
        // down; without a Close there is nothing left to do.
        if self.received.is_none() {
            self.failed.get_or_insert(Cause::Disconnected);
            self.mid_message |= mid_message;
        }
        self.over |= self.failed.is_some();
    }

    pub(crate) fn transport_failed(&mut self, kind: io::ErrorKind, all_written: bool) {
        // §7.1.4: a clean ending needs both Closes through, and ours is not while it waits in the queue.
        if !(self.is_exchanged() && all_written) {
            self.failed.get_or_insert(Cause::Transport(kind));
        }
        self.over = true;
    }

    /// Notes whether the transport failed inside a message.
    pub(crate) fn cut(&mut self, mid_message: bool) {
        if self.received.is_none() {
            self.mid_message |= mid_message;
        }
    }

    /// Notes that nothing more can be sent. The connection is over only if there is nothing left to
    /// receive either.
    pub(crate) fn write_failed(&mut self, kind: io::ErrorKind) {
        if self.write_failed {
            // A second failure says nothing about what is still to be received.
            return;
        }
        self.failed.get_or_insert(Cause::Transport(kind));
        self.write_failed = true;
        self.over |= self.received.is_some() || self.ended || self.shut_down;
    }

    pub(crate) fn shut_down(&mut self) {
        self.shut_down = true;
        // §7.1.1: an end that shuts down after a clean close has waited already or need not wait.
        self.over |= self.failed.is_none() && self.is_exchanged();
    }

    pub(crate) fn ending(&self, role: Role, all_written: bool) -> Ending {
        if self.over {
            return Ending::Done;
        }
        if self.write_failed {
            return Ending::NotYet;
        }
        let failed = self.failed.is_some();
        if !(self.is_exchanged() || failed) || !all_written {
            return Ending::NotYet;
        }
        // §7.1.1: the server ends the stream first and at once; a client waits for it. After a failure
        // each end shuts its own side down, which tells the other.
        let waits = role == Role::Client && !failed && !self.ended;
        if waits || self.shut_down {
            Ending::Drain
        } else {
            Ending::ShutDown
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        Outcome {
            cause: self.failed.clone().unwrap_or(Cause::Closed),
            initiator: self.initiator,
            received: self.received.clone(),
            sent: self.sent,
            mid_message: self.mid_message,
        }
    }

    fn is_exchanged(&self) -> bool {
        self.sent.is_some() && self.received.is_some()
    }
}
