use core::fmt;
use std::io;

use wskit_frame::CloseCode;

use crate::error::ProtocolError;
use crate::event::CloseFrame;

/// How a connection ended (RFC 6455 §7.1.4 to §7.1.7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What ended it.
    pub cause: Cause,
    /// Which end sent its Close first; `None` when no Close was sent at all.
    pub initiator: Option<Initiator>,
    /// The peer's Close, if one came: `Some(None)` is a Close without a code.
    pub received: Option<Option<CloseFrame>>,
    /// The code of our Close, if one was sent: `Some(None)` is a Close without a code.
    pub sent: Option<Option<CloseCode>>,
    /// Whether the peer's Close, or the end of its stream, came inside a message: that message is
    /// incomplete, even if the closing handshake was completed.
    pub mid_message: bool,
}

/// One end of a connection, seen from this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// This end.
    Local,
    /// The other end.
    Peer,
}

/// What ended a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Both ends sent a Close. This is the only clean ending.
    Closed,
    /// The peer broke a rule.
    Protocol(ProtocolError),
    /// The peer was too slow.
    Timeout(TimeoutKind),
    /// The peer ended the transport without a Close (code 1006).
    Disconnected,
    /// The transport failed.
    Transport(io::ErrorKind),
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// The peer did not answer a ping (`Config::keepalive`).
    Keepalive,
    /// The closing handshake was not completed (`Config::close_timeout`).
    Close,
    /// The peer took none of the bytes that wait to be sent for as long as a ping may wait for its
    /// answer (`Config::keepalive`), while a message of its own waits here to be received. Mostly, both
    /// ends send and neither receives.
    Stalled,
}

impl Outcome {
    /// Returns whether the closing handshake was completed (§7.1.4).
    pub fn is_clean(&self) -> bool {
        self.cause == Cause::Closed
    }

    /// Returns the code of the peer's Close (§7.1.5); 1005 if it had none, 1006 if no Close came.
    pub fn code(&self) -> CloseCode {
        match &self.received {
            Some(Some(close)) => close.code,
            Some(None) => CloseCode::NO_STATUS,
            None => CloseCode::ABNORMAL,
        }
    }

    /// Returns the reason of the peer's Close (§7.1.6), else an empty one. The peer wrote it: do not
    /// trust it.
    pub fn reason(&self) -> &str {
        match &self.received {
            Some(Some(close)) => &close.reason,
            _ => "",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Closed => {
                let by = if self.initiator == Some(Initiator::Local) {
                    "us"
                } else {
                    "the peer"
                };
                write!(f, "closed by {by} with {}", self.code())?;
                if !self.reason().is_empty() {
                    write!(f, ": {}", self.reason().escape_debug())?;
                }
                Ok(())
            }
            Cause::Protocol(error) => error.fmt(f),
            Cause::Timeout(kind) => kind.fmt(f),
            Cause::Disconnected => f.write_str("the peer went away without a Close"),
            Cause::Transport(kind) => write!(f, "the transport failed: {kind}"),
        }
    }
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalive => "the peer did not answer a ping in time",
            Self::Close => "the peer did not complete the closing handshake in time",
            Self::Stalled => {
                "the peer took nothing of what is being sent, while a message of its own waits here; \
                 receive while sending, from another task after a split"
            }
        })
    }
}
