use std::fmt;

use wskit_proto::Outcome;

use crate::error::Error;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Loss {
    /// No connection could be opened, or a hook on the new connection failed while it was open.
    NotOpened(Error),
    /// The connection ended without the closing handshake.
    Broken(Error),
    /// The connection was closed; [`Outcome::code`] holds the code.
    Closed(Outcome),
}

impl Loss {
    /// Returns the error, unless the connection was closed.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::NotOpened(error) | Self::Broken(error) => Some(error),
            Self::Closed(_) => None,
        }
    }

    /// Returns the error of the application, if that is why there is no connection and it is a `T`: what
    /// a hook or the closure that opens connections has returned.
    ///
    /// ```
    /// # #[derive(Debug)] struct LoginRefused;
    /// # impl std::fmt::Display for LoginRefused {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("refused") }
    /// # }
    /// # impl std::error::Error for LoginRefused {}
    /// use wskit_dial::reconnect::{Loss, Verdict};
    ///
    /// fn classify(loss: &Loss) -> Verdict {
    ///     match loss.other::<LoginRefused>() {
    ///         Some(_) => Verdict::GiveUp,
    ///         None => Verdict::of(loss),
    ///     }
    /// }
    /// let loss = Loss::NotOpened(wskit_dial::Error::other(LoginRefused));
    /// assert_eq!(classify(&loss), Verdict::GiveUp);
    /// ```
    #[must_use]
    pub fn other<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.error()?.downcast_ref()
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

/// A [`Reconnect`](crate::Reconnect) has ended: another attempt would not help, or there were enough.
#[derive(Debug)]
#[non_exhaustive]
pub struct GaveUp {
    /// The last loss.
    pub loss: Loss,
    /// Whether another attempt might have helped, but [`retries`](crate::Reconnect::retries) was reached.
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
        // `Display` includes the error itself.
        self.loss.error().and_then(std::error::Error::source)
    }
}
