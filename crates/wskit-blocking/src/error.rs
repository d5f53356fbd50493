use std::error::Error;
use std::fmt;

use wskit_driver::ConnectionError;

/// Why a receive with a time limit returned nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecvTimeout {
    /// No message came in time. The connection goes on.
    Elapsed,
    /// The connection ended.
    Connection(ConnectionError),
}

impl RecvTimeout {
    /// Returns whether the time has passed, and the connection goes on.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        matches!(self, Self::Elapsed)
    }
}

impl fmt::Display for RecvTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elapsed => f.write_str("no message came in time"),
            // It stands for that error, and has its text and its source.
            Self::Connection(error) => error.fmt(f),
        }
    }
}

impl Error for RecvTimeout {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Elapsed => None,
            Self::Connection(error) => error.source(),
        }
    }
}

impl From<ConnectionError> for RecvTimeout {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}
