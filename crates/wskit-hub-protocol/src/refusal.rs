use std::error;
use std::fmt;

use crate::codes::{DisconnectCode, ErrorCode};
use crate::message::{Disconnect, Error};

/// Why the application, or the hub, refuses what a client asks for: by an error in the reply, or by the end of the
/// connection.
///
/// [`ErrorCode`], [`DisconnectCode`] and [`wskit_hub::Error`] convert into it.
///
/// ```
/// use wskit_hub_protocol::{ErrorCode, Refusal};
/// let known = Refusal::from(ErrorCode::PermissionDenied);
/// let own = Refusal::error(1000, "the shop is closed");
/// # let _ = (known, own);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The reply carries an error.
    Error(Error),
    /// The connection is closed.
    Disconnect(Disconnect),
}

impl Refusal {
    /// Creates an error of the application's own. Use codes from 400 to 1999.
    #[must_use]
    pub fn error(code: u32, message: impl Into<String>) -> Self {
        Self::Error(Error {
            code,
            message: message.into(),
            temporary: false,
        })
    }

    /// Creates the end of a connection for a reason of the application's own. Use codes from 4000 to 4499, after which
    /// clients connect again, or from 4500 to 4999, after which they do not.
    #[must_use]
    pub fn disconnect(code: u32, reason: impl Into<String>) -> Self {
        Self::Disconnect(Disconnect {
            code,
            reason: reason.into(),
            reconnect: code < 3500 || (4000..4500).contains(&code),
        })
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self {
            code: code.get(),
            message: code.text().to_owned(),
            temporary: code.is_temporary(),
        }
    }
}

impl From<DisconnectCode> for Disconnect {
    fn from(code: DisconnectCode) -> Self {
        Self {
            code: code.get(),
            reason: code.text().to_owned(),
            reconnect: code.is_reconnecting(),
        }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::Error(code.into())
    }
}

impl From<DisconnectCode> for Refusal {
    fn from(code: DisconnectCode) -> Self {
        Self::Disconnect(code.into())
    }
}

impl From<wskit_hub::Error> for Refusal {
    fn from(error: wskit_hub::Error) -> Self {
        use wskit_hub::Error as Hub;
        let code = match error {
            Hub::InvalidTopic => ErrorCode::BadRequest,
            Hub::UnknownTopic => ErrorCode::UnknownChannel,
            Hub::NotGranted => ErrorCode::PermissionDenied,
            Hub::AlreadySubscribed => ErrorCode::AlreadySubscribed,
            Hub::TooManyTopics | Hub::TooLarge { .. } => ErrorCode::LimitExceeded,
            Hub::TooFast { .. } => ErrorCode::TooManyRequests,
            Hub::NoPresence => ErrorCode::NotAvailable,
            Hub::Closed => return DisconnectCode::Shutdown.into(),
            // Those that the client has no part in.
            _ => ErrorCode::Internal,
        };
        code.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "refused: {} ({})", error.message, error.code),
            Self::Disconnect(end) => write!(f, "disconnected: {} ({})", end.reason, end.code),
        }
    }
}

impl error::Error for Refusal {}
