//! Errors of non-blocking streams as options.

use std::io;

use crate::error::Error;

/// Errors that may mean "try again later".
pub trait NonBlockingError: Sized {
    /// Returns `None` for [`WouldBlock`](io::ErrorKind::WouldBlock), and any other error as it is.
    fn into_non_blocking(self) -> Option<Self>;
}

impl NonBlockingError for io::Error {
    fn into_non_blocking(self) -> Option<Self> {
        (self.kind() != io::ErrorKind::WouldBlock).then_some(self)
    }
}

impl NonBlockingError for Error {
    fn into_non_blocking(self) -> Option<Self> {
        match self {
            Self::Io(error) => error.into_non_blocking().map(Self::Io),
            error => Some(error),
        }
    }
}

/// Results whose error may mean "try again later".
pub trait NonBlockingResult {
    /// The result with an option in it.
    type Result;
    /// Returns `Ok(None)` for an error that means "try again later".
    fn no_block(self) -> Self::Result;
}

impl<T, E: NonBlockingError> NonBlockingResult for Result<T, E> {
    type Result = Result<Option<T>, E>;

    fn no_block(self) -> Self::Result {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) => error.into_non_blocking().map_or(Ok(None), Err),
        }
    }
}
