use std::error::Error;
use std::fmt;
use std::io;

use crate::error::{ConnectionError, OpenError};

/// Any error, as handlers and TLS libraries return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What went wrong in [`Server::serve`](crate::Server::serve), and with which client; `A` is the listener's
/// type of address. [`Serve::on_error`](crate::Serve::on_error) is told of each.
#[derive(Debug)]
pub struct ServeError<A> {
    peer: Option<A>,
    fault: ServeFault,
    disconnect: bool,
}

/// What went wrong; from [`ServeError::fault`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeFault {
    /// The listener did not return a connection. Serving goes on, after a while if that is sensible.
    Accept(io::Error),
    /// The TLS handshake failed. The time limit that passed is an [`Elapsed`](crate::Elapsed).
    Tls(BoxError),
    /// The opening handshake failed. A client that broke a rule was told.
    Open(OpenError),
    /// The handler returned this error.
    Handler(BoxError),
    /// The handler panicked with this text, or its `Clone` or that of the client's address. Its connection was
    /// dropped.
    Panic(String),
}

impl<A> ServeError<A> {
    pub(super) fn new(
        peer: Option<A>,
        fault: ServeFault,
        is_disconnect: fn(&(dyn Error + 'static)) -> bool,
    ) -> Self {
        let disconnect = match &fault {
            ServeFault::Accept(error) => ConnectionError::is_disconnect_io(error),
            ServeFault::Open(error) => error.is_disconnect(),
            ServeFault::Tls(error) | ServeFault::Handler(error) => is_disconnect(&**error),
            ServeFault::Panic(_) => false,
        };
        Self {
            peer,
            fault,
            disconnect,
        }
    }

    /// Returns the client's address; `None` if the listener failed.
    #[must_use]
    pub fn peer(&self) -> Option<&A> {
        self.peer.as_ref()
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn fault(&self) -> &ServeFault {
        &self.fault
    }

    /// Returns whether the client or the network went away: an error that a server need not log.
    ///
    /// The errors of this library and `io::Error` are recognised, also when a handler returns them in a
    /// `Box<dyn Error>`, and when they are the source of the handler's own error.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        self.disconnect
    }
}

/// The address, if there is one, and what went wrong.
impl<A: fmt::Debug> fmt::Display for ServeError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(peer) = &self.peer {
            write!(f, "{peer:?}: ")?;
        }
        self.fault.fmt(f)
    }
}

impl<A: fmt::Debug> Error for ServeError<A> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

impl fmt::Display for ServeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(error) => write!(f, "a connection could not be accepted: {error}"),
            // Most libraries, and our acceptor, say in their text what failed.
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Open(error) => error.fmt(f),
            Self::Handler(error) => error.fmt(f),
            Self::Panic(text) => write!(f, "the handler panicked: {text}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl Error for ServeFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Accept(error) => error.source(),
            Self::Tls(error) | Self::Handler(error) => error.source(),
            Self::Open(error) => error.source(),
            Self::Panic(_) => None,
        }
    }
}
