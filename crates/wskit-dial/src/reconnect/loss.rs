use std::fmt;

use wskit_proto::Outcome;

use crate::error::Error;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Loss {
    /// None could be opened, or what is done on each new one failed.
    NotOpened(Error),
    /// The connection ended without the closing handshake.
    Broken(Error),
    /// The connection was closed: [`Outcome::code`] says how.
    Closed(Outcome),
}

impl Loss {
    /// The error, unless the connection was closed.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::NotOpened(error) | Self::Broken(error) => Some(error),
            Self::Closed(_) => None,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(error) => write!(f, "no connection: {error}"),
            Self::Broken(error) => write!(f, "the connection was lost: {error}"),
            Self::Closed(outcome) => write!(f, "the connection ended: {outcome}"),
        }
    }
}

/// There will be no other connection: trying again would not help, or was tried often enough.
#[derive(Debug)]
#[non_exhaustive]
pub struct GaveUp {
    /// What happened last.
    pub loss: Loss,
    /// Whether it might have passed, and only [`retries`](crate::Reconnect::retries) was used up.
    pub exhausted: bool,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exhausted {
            write!(f, "given up after too many attempts: {}", self.loss)
        } else {
            self.loss.fmt(f)
        }
    }
}

impl std::error::Error for GaveUp {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The error itself is in the text.
        self.loss.error().and_then(std::error::Error::source)
    }
}
