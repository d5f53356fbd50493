use std::io;

use crate::error::{Error, Result};

/// What the calls of a connection may still do. What was sent and received is in wskit's state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// This end has sent a Close, and the peer has not answered.
    ClosedByUs,
    /// The peer has sent a Close. Its answer is queued.
    ClosedByPeer,
    /// The peer has answered.
    CloseAcknowledged,
    /// The end has been reported.
    Terminated,
}

impl State {
    pub(super) fn is_active(self) -> bool {
        self == Self::Active
    }

    /// Whether messages may still come.
    pub(super) fn can_read(self) -> bool {
        matches!(self, Self::Active | Self::ClosedByUs)
    }

    pub(super) fn check_not_terminated(self) -> Result<()> {
        match self {
            Self::Terminated => Err(Error::AlreadyClosed),
            _ => Ok(()),
        }
    }

    /// An error of the stream. After both Closes, a reset is a normal end.
    pub(super) fn io_error(self, error: io::Error) -> Error {
        if !self.can_read() && error.kind() == io::ErrorKind::ConnectionReset {
            Error::ConnectionClosed
        } else {
            Error::Io(error)
        }
    }
}
