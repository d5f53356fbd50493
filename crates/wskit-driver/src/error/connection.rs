use std::fmt;
use std::io;

#[cfg(feature = "json")]
use wskit_proto::JsonError;
use wskit_proto::{Cause, Outcome, ProtocolError, SendError, TimeoutKind};

use super::is_disconnect;

/// Why receiving, sending or closing on an open connection failed.
///
/// Each ending is returned once. Later calls to receive return `None`, later calls to send return
/// [`SendError::Closed`]. [`WebSocket::outcome`](crate::WebSocket::outcome) keeps how it ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer broke a rule. A Close with the fitting code has been sent to it.
    Protocol(ProtocolError),
    /// The caller asked for something that cannot be sent. The connection is unchanged.
    Send(SendError),
    /// The peer ended the transport without a Close (RFC 6455 §7.1.5: code 1006): its process or
    /// network went away. Common with real clients; see [`is_disconnect`](ConnectionError::is_disconnect).
    Disconnected {
        /// Whether a message was cut off. The part that arrived is lost.
        mid_message: bool,
    },
    /// The peer missed a deadline.
    Timeout(TimeoutKind),
    /// A message is not the expected JSON, or a value has no JSON form. The connection goes on.
    #[cfg(feature = "json")]
    Json(JsonError),
    /// The transport failed.
    Io(io::Error),
    /// The runtime has no timer, and a deadline is configured. Enable the runtime's timer, or switch
    /// off the deadlines.
    NoTimer(io::Error),
}

impl ConnectionError {
    /// Returns whether the peer or the network went away: an error that a server need not log.
    /// A host or network that can no longer be reached counts too, and so does a peer that does not answer a
    /// Close in time.
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::Disconnected { .. }
            | Self::Timeout(TimeoutKind::Keepalive | TimeoutKind::Close) => true,
            Self::Io(error) => is_disconnect(error),
            _ => false,
        }
    }

    /// Returns whether an I/O error means that the peer, its host or the network on the way to it is
    /// gone: for errors of one's own that hold one.
    pub fn is_disconnect_io(error: &io::Error) -> bool {
        is_disconnect(error)
    }

    /// Returns whether sending failed only because the connection is closing or closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Send(SendError::Closed))
    }

    /// Returns the error for an ending that is not clean; `None` for a clean one.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Option<Self> {
        match &outcome.cause {
            Cause::Protocol(error) => Some(error.clone().into()),
            Cause::Timeout(kind) => Some(Self::Timeout(*kind)),
            Cause::Disconnected => Some(Self::Disconnected {
                mid_message: outcome.mid_message,
            }),
            Cause::Transport(kind) => Some(Self::Io((*kind).into())),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Disconnected { mid_message: true } => {
                f.write_str("the peer went away in the middle of a message")
            }
            Self::Disconnected { mid_message: false } => {
                f.write_str("the peer went away without a Close")
            }
            Self::Timeout(kind) => kind.fmt(f),
            #[cfg(feature = "json")]
            Self::Json(error) => error.fmt(f),
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => error.source(),
            Self::Send(error) => error.source(),
            #[cfg(feature = "json")]
            Self::Json(error) => error.source(),
            Self::Io(error) | Self::NoTimer(error) => error.source(),
            Self::Disconnected { .. } | Self::Timeout(_) => None,
        }
    }
}

from! { ConnectionError: Protocol(ProtocolError), Send(SendError), Io(io::Error) }
#[cfg(feature = "json")]
from! { ConnectionError: Json(JsonError) }
